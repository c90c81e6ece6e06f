/* SPDX-License-Identifier: MIT
 * program.h - what a schema is compiled to: its documents, one record per schema in them, and for each of
 * those its operations, one per keyword, behind each other in one array. Nothing in it changes once it is
 * made. */
#ifndef EVSI_PROGRAM_H
#define EVSI_PROGRAM_H

#include "schema/decimal.h"
#include "schema/document.h"
#include "schema/format.h"
#include "schema/regex.h"
#include "schema/schema.h"

typedef enum evsi_keyword {
#define EVSI_KEYWORD(id, text, drafts, vocabulary, shape) EVSI_KEY_##id,
#include "schema/keywords.def"
  EVSI_KEYWORD_COUNT
} evsi_keyword;

enum {
  EVSI_KEY_FALSE = EVSI_KEYWORD_COUNT, /* the schema `false` as an operation */
  EVSI_KEYWORDS_APPLIED = EVSI_KEY_UNEVALUATED_PROPERTIES + 1,
  EVSI_SCHEMA_NONE = UINT32_MAX
};

typedef enum evsi_vocabulary {
  EVSI_VOCABULARY_CORE = 1,
  EVSI_VOCABULARY_APPLICATOR = 2,
  EVSI_VOCABULARY_UNEVALUATED = 4,
  EVSI_VOCABULARY_VALIDATION = 8,
  EVSI_VOCABULARY_META = 16,
  EVSI_VOCABULARY_FORMAT = 32,
  EVSI_VOCABULARY_CONTENT = 64,
  EVSI_VOCABULARY_ALL = 127,
  EVSI_VOCABULARY_ASSERTS_FORMAT = 128
} evsi_vocabulary;

/* One keyword of one schema. What `number`, `count` and the schemas mean depends on the keyword. */
typedef struct evsi_op {
  uint8_t keyword;
  uint8_t types;    /* type: a bit per kind of node, and EVSI_TYPE_INTEGER */
  uint32_t value;   /* the keyword's value in the schema's document */
  uint32_t schema;  /* the one schema to apply */
  uint32_t yes;     /* if: then */
  uint32_t no;      /* if: else */
  uint32_t table;   /* where it begins in numbers, divisors, regexes or dynamics */
  uint32_t entries; /* how many of them */
  uint32_t beside;  /* the value of another keyword: additionalProperties: properties */
  uint64_t count;   /* a limit; contains: at least; items: how many are others' */
  uint64_t limit;   /* contains: at most */
  const evsi_format *format;
} evsi_op;

enum { EVSI_TYPE_INTEGER = 64 };

typedef struct evsi_schema_record {
  uint32_t document;
  uint32_t node;
  uint32_t resource;
  uint32_t first_op;
  uint32_t op_count;
  bool tracks;  /* has unevaluated… */
  bool is_flat; /* applies no other schema */
} evsi_schema_record;

/* A schema with a URI of its own. */
typedef struct evsi_resource {
  uint32_t document;
  uint32_t node;
  char *uri;
  evsi_draft draft;
  uint32_t vocabularies;
} evsi_resource;

/* A $dynamicAnchor; in the array those of a name are beside each other. */
typedef struct evsi_dynamic {
  evs_bytes name;
  uint32_t resource;
  uint32_t schema;
} evsi_dynamic;

typedef struct evsi_schema_document {
  evsi_document tree;
  char *text;
  uint32_t *schema_of; /* by node: the index of its record, or EVSI_SCHEMA_NONE */
} evsi_schema_document;

struct evsi_schema {
  evsi_schema_document *documents;
  evsi_schema_record *records; /* the first is the schema itself */
  evsi_resource *resources;
  evsi_op *ops;
  evsi_decimal *numbers;
  evsi_divisor *divisors;
  evsi_regex **regexes;
  evsi_dynamic *dynamics;
  uint32_t document_count, document_capacity;
  uint32_t record_count, record_capacity;
  uint32_t resource_count, resource_capacity;
  uint32_t op_count, op_capacity;
  uint32_t number_count, number_capacity;
  uint32_t divisor_count, divisor_capacity;
  uint32_t regex_count, regex_capacity;
  uint32_t dynamic_count, dynamic_capacity;
};

/* The keyword of that name, if it is one in this resource; else EVSI_KEYWORD_COUNT. */
evsi_keyword evsi_keyword_find(evs_bytes name, const evsi_resource *resource);
/* By keyword; EVSI_KEY_FALSE has the name "". */
const char *evsi_keyword_text(uint8_t keyword);

static inline const evsi_document *evsi_schema_tree(const evsi_schema *schema, uint32_t record) {
  return &schema->documents[schema->records[record].document].tree;
}

#endif
