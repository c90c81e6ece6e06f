/* SPDX-License-Identifier: MIT
 * border_encode.c - bodies to JSON text, see evs_border.h: the same bytes as
 * json.JSONEncoder(ensure_ascii=False, separators=(",", ":")) writes, for values of the types that JSON has.
 * What is anything else is left to that one: subclasses, models, what is wrong. */
#include "evs_border.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const uint64_t EACH = UINT64_C(0x0101010101010101); /* of eight bytes */

enum { AT_FIRST = 1024, DEEPEST = 64, NUMBER_SIZE = 32 };

typedef struct text_buffer {
  char *data;
  size_t size, capacity;
  char first[AT_FIRST];
} text_buffer;

static bool make_room(text_buffer *out, size_t more) {
  if (more <= out->capacity - out->size)
    return true;
  size_t capacity = 2 * (out->size + more);
  char *data = PyMem_Realloc(out->data == out->first ? NULL : out->data, capacity);
  if (!data)
    return false;
  if (out->data == out->first)
    memcpy(data, out->first, out->size);
  out->data = data;
  out->capacity = capacity;
  return true;
}

static bool put(text_buffer *out, const char *data, size_t size) {
  if (!make_room(out, size))
    return false;
  memcpy(out->data + out->size, data, size);
  out->size += size;
  return true;
}

/* The high bit of each byte of `eight` that is less than `bound`, or behind such a one. */
static uint64_t below(uint64_t eight, uint64_t bound) {
  return (eight - EACH * bound) & ~eight & EACH * 0x80;
}

/* How much at the beginning stands in JSON as it is. */
static size_t plain_size(const char *data, size_t size) {
  size_t i = 0;
  uint64_t eight;
  for (; i + sizeof eight <= size; i += sizeof eight) {
    memcpy(&eight, data + i, sizeof eight);
    if (below(eight, 0x20) | below(eight ^ EACH * '"', 1) | below(eight ^ EACH * '\\', 1))
      break;
  }
  while (i < size && (unsigned char)data[i] >= 0x20 && data[i] != '"' && data[i] != '\\')
    i++;
  return i;
}

static bool put_escaped(text_buffer *out, unsigned char c) {
  static const char digits[] = "0123456789abcdef", names[] = "\"\"\\\\\bb\ff\nn\rr\tt";
  for (const char *name = names; *name; name += 2)
    if (c == (unsigned char)name[0])
      return put(out, (char[]){'\\', name[1]}, 2);
  return put(out, (char[]){'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]}, 6);
}

static bool put_text(text_buffer *out, PyObject *text) {
  Py_ssize_t length;
  const char *data = PyUnicode_AsUTF8AndSize(text, &length);
  if (!data)
    return false; /* a lone surrogate */
  size_t left = (size_t)length;
  bool ok = make_room(out, left + 2) && put(out, "\"", 1);
  while (ok) {
    size_t plain = plain_size(data, left);
    ok = put(out, data, plain);
    if (plain == left)
      break;
    ok = ok && put_escaped(out, (unsigned char)data[plain]);
    data += plain + 1;
    left -= plain + 1;
  }
  return ok && put(out, "\"", 1);
}

static bool put_whole(text_buffer *out, PyObject *number) {
  char digits[NUMBER_SIZE];
  int overflow;
  long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
  return !overflow && put(out, digits, (size_t)PyOS_snprintf(digits, sizeof digits, "%lld", value));
}

static bool put_float(text_buffer *out, PyObject *number) {
  double value = PyFloat_AsDouble(number);
  if (!isfinite(value))
    return false;
  char *digits = PyOS_double_to_string(value, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
  bool ok = digits && put(out, digits, strlen(digits));
  PyMem_Free(digits);
  return ok;
}

static bool put_value(text_buffer *out, PyObject *value, int depth);

static bool put_items(text_buffer *out, PyObject *items, Py_ssize_t count,
                      PyObject *(*item)(PyObject *, Py_ssize_t), int depth) {
  bool ok = put(out, "[", 1);
  for (Py_ssize_t i = 0; ok && i < count; i++)
    ok = (i == 0 || put(out, ",", 1)) && put_value(out, item(items, i), depth);
  return ok && put(out, "]", 1);
}

static bool put_members(text_buffer *out, PyObject *dict, int depth) {
  PyObject *key, *value;
  Py_ssize_t position = 0;
  bool ok = put(out, "{", 1), is_first = true;
  while (ok && PyDict_Next(dict, &position, &key, &value)) {
    ok = (is_first || put(out, ",", 1)) && Py_IS_TYPE(key, &PyUnicode_Type) && put_text(out, key) &&
         put(out, ":", 1) && put_value(out, value, depth);
    is_first = false;
  }
  return ok && put(out, "}", 1);
}

/* Runs no code of the program, so that nothing changes meanwhile. */
static bool put_value(text_buffer *out, PyObject *value, int depth) {
  if (Py_IS_TYPE(value, &PyUnicode_Type))
    return put_text(out, value);
  if (Py_IS_TYPE(value, &PyLong_Type))
    return put_whole(out, value);
  if (Py_IS_TYPE(value, &PyFloat_Type))
    return put_float(out, value);
  if (value == Py_None)
    return put(out, "null", 4);
  if (value == Py_True)
    return put(out, "true", 4);
  if (value == Py_False)
    return put(out, "false", 5);
  if (depth == DEEPEST)
    return false;
  if (Py_IS_TYPE(value, &PyDict_Type))
    return put_members(out, value, depth + 1);
  if (Py_IS_TYPE(value, &PyList_Type))
    return put_items(out, value, PyList_Size(value), PyList_GetItem, depth + 1);
  return Py_IS_TYPE(value, &PyTuple_Type) &&
         put_items(out, value, PyTuple_Size(value), PyTuple_GetItem, depth + 1);
}

/* The lines of an event that is a tuple of a type and a body; NULL without an error: Python is to write them.
 */
static PyObject *encode_one(PyObject *event, text_buffer *out) {
  if (!Py_IS_TYPE(event, &PyTuple_Type) || PyTuple_Size(event) != 2)
    return NULL;
  PyObject *type = PyTuple_GetItem(event, 0);
  Py_ssize_t size = 0;
  const char *name = Py_IS_TYPE(type, &PyUnicode_Type) ? PyUnicode_AsUTF8AndSize(type, &size) : NULL;
  out->size = 0;
  if (name && !memchr(name, '\n', (size_t)size) && put_value(out, PyTuple_GetItem(event, 1), 0) &&
      put(out, "\n", 1) && put(out, name, (size_t)size) && put(out, "\n", 1))
    return PyBytes_FromStringAndSize(out->data, (Py_ssize_t)out->size);
  PyErr_Clear(); /* what is wrong is found and said there */
  return NULL;
}

PyObject *evsi_border_encode(PyObject *module, PyObject *args) {
  PyObject *events;
  Py_ssize_t at;
  (void)module;
  if (!PyArg_ParseTuple(args, "O!n:encode", &PyList_Type, &events, &at))
    return NULL;
  text_buffer out;
  out.data = out.first;
  out.capacity = sizeof out.first;
  PyObject *list = PyList_New(0);
  for (; list && at < PyList_Size(events); at++) {
    PyObject *encoded = encode_one(PyList_GetItem(events, at), &out);
    if (!encoded)
      break;
    if (PyList_Append(list, encoded) != 0)
      Py_CLEAR(list);
    Py_DECREF(encoded);
  }
  if (out.data != out.first)
    PyMem_Free(out.data);
  return list;
}
