/* SPDX-License-Identifier: MIT
 * shape.h - what the value of a keyword has to look like. */
#ifndef EVSI_SHAPE_H
#define EVSI_SHAPE_H

#include "schema/program.h"

typedef enum evsi_shape {
  EVSI_SHAPE_ANY,
  EVSI_SHAPE_SCHEMA,
  EVSI_SHAPE_SCHEMAS,      /* an array of at least one */
  EVSI_SHAPE_SCHEMA_MAP,   /* an object of schemas */
  EVSI_SHAPE_REGEX_MAP,    /* the same, its keys regular expressions */
  EVSI_SHAPE_ITEMS,        /* a schema; in draft-07 also an array of them */
  EVSI_SHAPE_DEPENDENCIES, /* an object of schemas or arrays of strings */
  EVSI_SHAPE_COUNT,
  EVSI_SHAPE_NUMBER,
  EVSI_SHAPE_DIVISOR,
  EVSI_SHAPE_STRING,
  EVSI_SHAPE_REGEX,
  EVSI_SHAPE_BOOLEAN,
  EVSI_SHAPE_ARRAY,
  EVSI_SHAPE_STRINGS, /* an array of different strings */
  EVSI_SHAPE_STRINGS_MAP,
  EVSI_SHAPE_TYPES,
  EVSI_SHAPE_REFERENCE,
  EVSI_SHAPE_ANCHOR
} evsi_shape;

/* What is wrong with a value. */
typedef struct evsi_shape_fault {
  const char *expected; /* NULL: nothing */
  uint32_t node;        /* where */
  bool no_memory;       /* it could not be told */
} evsi_shape_fault;

/* Schemas inside the value are not looked at. */
evsi_shape_fault evsi_shape_check(const evsi_document *doc, uint32_t value, evsi_shape shape);

/* The bit of a type's name, 0 for none. */
uint8_t evsi_type_bit(const evsi_document *doc, uint32_t node);

#endif
