/* SPDX-License-Identifier: MIT
 * envelope.c - writes and reads the stored form of one event. Checks its shape only: whether a type is valid
 * or a hash fits is decided by those who use them. */
#include "event/envelope.h"

#include <stddef.h>
#include <string.h>

#include "event/json_scan.h"

/* The members of `header`, in the order in which they are written. */
typedef struct field {
  evs_bytes name;
  evs_bytes opening; /* "name": with the comma before it */
  size_t offset;     /* in evsi_envelope */
  bool required;
  bool is_plain; /* an event that was checked has nothing there to escape */
  const char *not_a_text;
  const char *twice;
} field;

#define LITERAL(text)                                                                                        \
  { text, sizeof(text) - 1 }
#define FIELD(name, member, required, is_plain)                                                              \
  {                                                                                                          \
    LITERAL(name), LITERAL(",\"" name "\":"), offsetof(evsi_envelope, member), required, is_plain,           \
        "header." name " is not a text", "header." name " is there twice"                                    \
  }
static const field fields[] = {
    FIELD("id", id, true, false),
    FIELD("type", type, true, true),
    FIELD("origin", origin, false, false),
    FIELD("originPrefix", origin_prefix, false, false),
    FIELD("timestamp", timestamp, false, true),
    FIELD("hash", hash, false, true),
    FIELD("version", version, false, false),
    FIELD("contentType", content_type, false, false),
    FIELD("contentEncoding", encoding, false, false),
    FIELD("key", key, false, false),
};
#undef FIELD
enum { FIELD_COUNT = sizeof fields / sizeof *fields };
enum { USUAL_HEADER_BYTES = 512 }; /* room that is got at once; more where it is needed */
_Static_assert(EVSI_WIRE_VERSION == 1, "evsi_envelope_encode() writes it as a text");

static const evs_bytes *field_of(const evsi_envelope *envelope, const field *f) {
  return (const evs_bytes *)((const char *)envelope + f->offset);
}

void evsi_envelope_encode(evsi_buf *out, const evsi_envelope *envelope, evsi_form form) {
  size_t is_first = 1;
  evsi_buf_reserve(out, USUAL_HEADER_BYTES + envelope->headers.size + envelope->body.size);
  evsi_buf_add_text(out, form == EVSI_FORM_OWN ? "{\"v\":1,\"header\":{" : "{\"header\":{");
  for (size_t i = 0; i < FIELD_COUNT; i++) {
    const evs_bytes *value = field_of(envelope, &fields[i]);
    if (value->size == 0)
      continue;
    evsi_buf_add(out, fields[i].opening.data + is_first, fields[i].opening.size - is_first);
    evsi_buf_add_json(out, value->data, value->size);
    is_first = 0;
  }
  evsi_buf_add(out, "}", 1);
  if (envelope->headers.size) {
    evsi_buf_add_text(out, ",\"headers\":");
    evsi_buf_add_bytes(out, envelope->headers);
  }
  bool is_beside = envelope->content_type.size > 0 || envelope->encoding.size > 0;
  if (envelope->body.size || !is_beside) {
    evsi_buf_add_text(out, ",\"body\":");
    evsi_buf_add_bytes(out, envelope->body.size ? envelope->body : evsi_text("null"));
  }
  evsi_buf_add(out, "}", 1);
}

/* Of a text with its quotation marks; most stand for themselves. */
static size_t text_size(evs_bytes text) {
  size_t i = evsi_json_plain(text.data, text.size);
  while (i < text.size && text.data[i] >= ' ' && text.data[i] < 0x7F && text.data[i] != '"' &&
         text.data[i] != '\\')
    i++;
  if (i == text.size)
    return text.size + 2;
  evsi_buf written = {0};
  evsi_buf_add_json(&written, text.data, text.size);
  size_t size = written.size;
  evsi_buf_free(&written);
  return size;
}

size_t evsi_envelope_size(const evsi_envelope *envelope) {
  size_t size = sizeof "{\"v\":1,\"header\":{" - 1 + sizeof "}}" - 1 - 1; /* the first has no comma */
  for (size_t i = 0; i < FIELD_COUNT; i++) {
    const evs_bytes *value = field_of(envelope, &fields[i]);
    if (value->size > 0)
      size += fields[i].opening.size + (fields[i].is_plain ? value->size + 2 : text_size(*value));
  }
  if (envelope->headers.size)
    size += sizeof ",\"headers\":" - 1 + envelope->headers.size;
  bool is_beside = envelope->content_type.size > 0 || envelope->encoding.size > 0;
  if (envelope->body.size || !is_beside)
    size += sizeof ",\"body\":" - 1 + (envelope->body.size ? envelope->body.size : sizeof "null" - 1);
  return size;
}

static bool is_null(evs_bytes value) {
  return value.size == 4 && memcmp(value.data, "null", 4) == 0;
}

/* Keys may be written with escapes, too; one that is longer than any of ours is nobody's. */
static bool key_is(evs_bytes key, evs_bytes name) {
  if (evsi_bytes_equal(key, name))
    return true;
  if (key.size <= name.size || key.size > 6 * name.size || !memchr(key.data, '\\', key.size))
    return false;
  evsi_buf text = {0};
  evs_bytes plain;
  bool same = evsi_json_string(evsi_bytes(key.data - 1, key.size + 2), &text, &plain) &&
              evsi_bytes_equal(plain, name);
  evsi_buf_free(&text);
  return same;
}

const char evsi_envelope_no_memory[] = "out of memory";

/* Where the undone escapes go: reserved in one piece before the first, so that spans stay where they are. */
typedef struct texts {
  evsi_buf *scratch;
  evs_bytes header; /* and what follows it; empty once there is room for all of it */
} texts;

static const char *make_room(texts *t) {
  evs_bytes header;
  size_t cursor = 0;
  const char *why = NULL;
  if (t->header.size == 0)
    return NULL;
  if (!evsi_json_value(t->header, &cursor, 0, &header, &why))
    return why;
  t->header.size = 0;
  return evsi_buf_reserve(t->scratch, header.size) ? NULL : evsi_envelope_no_memory;
}

static const char *read_field(const field *f, evs_bytes value, texts *t, evs_bytes *out) {
  if (is_null(value) && !f->required)
    return NULL;
  if (value.data[0] == '"' && !memchr(value.data, '\\', value.size)) { /* a value that was read is whole */
    *out = evsi_bytes(value.data + 1, value.size - 2);
    return NULL;
  }
  const char *why = make_room(t);
  if (why)
    return why;
  return evsi_json_string(value, t->scratch, out) ? NULL : f->not_a_text;
}

/* Which field has this key, FIELD_COUNT: none. They mostly come in our order: `from` is where to look first.
 */
static size_t field_named(evs_bytes key, size_t from) {
  for (size_t i = 0; i < FIELD_COUNT; i++) {
    size_t at = from + i < FIELD_COUNT ? from + i : from + i - FIELD_COUNT;
    if (key_is(key, fields[at].name))
      return at;
  }
  return FIELD_COUNT;
}

/* The members of the object that `text` begins with; *cursor is behind it then. */
static const char *read_members(evs_bytes text, size_t *cursor, evsi_envelope *out, texts *t) {
  evs_bytes key, value;
  const char *why = NULL;
  bool seen[FIELD_COUNT] = {false};
  size_t next = 0;
  while (evsi_json_key(text, cursor, &key, &why) && evsi_json_value(text, cursor, 1, &value, &why)) {
    size_t at = field_named(key, next);
    if (at == FIELD_COUNT)
      continue;
    if (seen[at])
      return fields[at].twice;
    seen[at] = true;
    next = at + 1;
    why = read_field(&fields[at], value, t, (evs_bytes *)((char *)out + fields[at].offset));
    if (why)
      return why;
  }
  if (why)
    return why;
  if (out->id.size == 0)
    return "header.id is missing";
  return out->type.size == 0 ? "header.type is missing" : NULL;
}

/* Headers stay JSON; only that they map texts to texts is seen to. */
static const char *check_headers(evs_bytes headers) {
  size_t cursor = 0;
  evs_bytes key, value;
  const char *why = NULL;
  if (headers.data[0] != '{')
    return "headers is not an object";
  while (evsi_json_member(headers, &cursor, &key, &value, &why))
    if (value.data[0] != '"')
      return "headers has a value that is not a text";
  return why;
}

enum { PART_V, PART_HEADER, PART_HEADERS, PART_BODY, PART_COUNT };

typedef struct parts {
  evs_bytes values[PART_COUNT];
  const char *why_no_header;
} parts;

static int part_named(evs_bytes key) {
  static const evs_bytes names[PART_COUNT] = {LITERAL("v"), LITERAL("header"), LITERAL("headers"),
                                              LITERAL("body")};
  int i = 0;
  while (i < PART_COUNT && !key_is(key, names[i]))
    i++;
  return i;
}

/* The header is read where it stands. What is wrong with it is told only if all is JSON: then the walk goes
 * on behind it. */
static const char *read_header(evs_bytes data, size_t *cursor, evsi_envelope *out, evsi_buf *scratch,
                               parts *p) {
  size_t size = 0;
  const char *why = NULL;
  evs_bytes rest = evsi_bytes(data.data + *cursor, data.size - *cursor);
  texts t = {scratch, rest};
  p->why_no_header = read_members(rest, &size, out, &t);
  if (p->why_no_header)
    return evsi_json_value(data, cursor, 0, &p->values[PART_HEADER], &why) ? NULL : why;
  p->values[PART_HEADER] = evsi_bytes(rest.data, size);
  *cursor += size;
  return NULL;
}

static const char *read_parts(evs_bytes data, evsi_envelope *out, evsi_buf *scratch, parts *p) {
  static const char *const twice[PART_COUNT] = {"v is there twice", "header is there twice",
                                                "headers is there twice", "body is there twice"};
  size_t cursor = 0;
  evs_bytes key, value;
  const char *why = NULL;
  *p = (parts){.why_no_header = "header is missing or not an object"};
  memset(out, 0, sizeof *out);
  while (!why && evsi_json_key(data, &cursor, &key, &why)) {
    int part = part_named(key);
    bool is_first = part < PART_COUNT && p->values[part].size == 0;
    if (is_first && part == PART_HEADER && cursor < data.size && data.data[cursor] == '{')
      why = read_header(data, &cursor, out, scratch, p);
    else if (evsi_json_value(data, &cursor, 0, is_first ? &p->values[part] : &value, &why) &&
             part < PART_COUNT && !is_first)
      why = twice[part];
  }
  return why ? why : evsi_json_end(data, &cursor);
}

bool evsi_envelope_header(evs_bytes data, evsi_envelope *out_envelope, evsi_buf *scratch) {
  parts p;
  read_parts(data, out_envelope, scratch, &p);
  return p.why_no_header == NULL;
}

const char *evsi_envelope_decode(evs_bytes data, evsi_envelope *out_envelope, evsi_buf *scratch) {
  parts p;
  const evs_bytes *v = &p.values[PART_V], *headers = &p.values[PART_HEADERS];
  const char *why = read_parts(data, out_envelope, scratch, &p);
  if (why)
    return why;
  bool is_published_form = v->size == 0;
  if (!is_published_form && !evsi_bytes_equal(*v, evsi_text("1")))
    return "unknown format";
  why = p.why_no_header;
  if (!why && headers->size && !is_null(*headers)) {
    why = check_headers(*headers);
    out_envelope->headers = *headers;
  }
  if (why)
    return why;
  out_envelope->body = p.values[PART_BODY];
  if (out_envelope->body.size || out_envelope->content_type.size || out_envelope->encoding.size)
    return NULL;
  /* The published library leaves `body` out where it was undefined. */
  if (!is_published_form)
    return "body is missing";
  out_envelope->body = evsi_text("null");
  return NULL;
}
