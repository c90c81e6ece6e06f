/* SPDX-License-Identifier: MIT
 * compat_example.c - a text that shows why: accepted by the narrower schema and not by the wider one. Texts
 * are made up along the narrower schema from values and names that stand in the two, and tried; often there
 * is none. */
#include <stdlib.h>

#include "schema/compat_inner.h"

enum { TRIES_MAX = 1000, POOL_MAX = 96, DEPTH_MAX = 5, ITEMS_MAX = 8, LENGTH_MAX = 100, TEXT_MAX = 2000 };

typedef struct maker {
  evsi_comparison *c;
  evsi_buf texts; /* of the pools */
  evsi_buf out;
  uint32_t values[POOL_MAX + 1]; /* where they begin in `texts`: as JSON */
  uint32_t value_count;
  evs_bytes names[POOL_MAX];
  uint32_t name_count;
  uint64_t random;
  bool is_plain;  /* the simplest text comes first */
  bool is_sparse; /* few members and items: a short example is a better one */
} maker;

/* ---- what texts are made of ----------------------------------------------------------------------- */

static void end_value(maker *m) {
  if (m->value_count < POOL_MAX && !m->texts.failed)
    m->values[++m->value_count] = (uint32_t)m->texts.size;
  else
    m->texts.size = m->values[m->value_count];
}

static void add_value(maker *m, evs_bytes text) {
  if (text.size > LENGTH_MAX)
    return;
  evsi_buf_add_bytes(&m->texts, text);
  end_value(m);
}

static void add_name(maker *m, evs_bytes name) {
  for (uint32_t i = 0; i < m->name_count; i++)
    if (evsi_bytes_equal(m->names[i], name))
      return;
  if (m->name_count < POOL_MAX)
    m->names[m->name_count++] = name;
}

/* A limit, and what is beside it. */
static void add_number(maker *m, evs_bytes text) {
  char copy[32];
  add_value(m, text);
  if (text.size >= sizeof copy)
    return;
  memcpy(copy, text.data, text.size);
  copy[text.size] = '\0';
  for (int step = -1; step <= 1; step += 2) {
    evsi_buf_addf(&m->texts, "%.15g", strtod(copy, NULL) + step);
    end_value(m);
  }
}

static void add_length(maker *m, uint64_t length) {
  for (uint64_t size = length ? length - 1 : 0; size <= length + 1 && length < LENGTH_MAX; size++) {
    evsi_buf_addf(&m->texts, "\"%.*s\"", (int)size,
                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                  "aaaaaaaaaaaaa");
    end_value(m);
  }
}

static void add_listed(maker *m, const evsi_document *doc, uint32_t list) {
  for (uint32_t at = evsi_node_first(list); at < doc->nodes[list].end; at = evsi_node_next(doc, at)) {
    evs_bytes text = evsi_node_bytes(doc, at);
    if (doc->nodes[at].kind == EVSI_NODE_STRING) {
      evsi_buf_add_json(&m->texts, text.data ? text.data : "", text.size < LENGTH_MAX ? text.size : 0);
      end_value(m);
    } else {
      add_value(m, text);
    }
  }
}

static void add_keys(maker *m, const evsi_document *doc, uint32_t object) {
  for (uint32_t at = evsi_node_first(object); at < doc->nodes[object].end; at = evsi_node_next(doc, at + 1))
    add_name(m, evsi_node_bytes(doc, at));
}

static void add_required(maker *m, const evsi_document *doc, uint32_t list) {
  for (uint32_t at = evsi_node_first(list); at < doc->nodes[list].end; at = evsi_node_next(doc, at))
    add_name(m, evsi_node_bytes(doc, at));
}

static void add_op(maker *m, const evsi_document *doc, const evsi_op *op) {
  switch (op->keyword) {
  case EVSI_KEY_ENUM:
    add_listed(m, doc, op->value);
    return;
  case EVSI_KEY_MAXIMUM:
  case EVSI_KEY_EXCLUSIVE_MAXIMUM:
  case EVSI_KEY_MINIMUM:
  case EVSI_KEY_EXCLUSIVE_MINIMUM:
  case EVSI_KEY_MULTIPLE_OF:
    add_number(m, evsi_node_bytes(doc, op->value));
    return;
  case EVSI_KEY_MAX_LENGTH:
  case EVSI_KEY_MIN_LENGTH:
    add_length(m, op->count);
    return;
  case EVSI_KEY_PROPERTIES:
    add_keys(m, doc, op->value);
    return;
  case EVSI_KEY_REQUIRED:
    add_required(m, doc, op->value);
    return;
  default:
    return;
  }
}

static void add_schema(maker *m, const evsi_schema *schema) {
  for (uint32_t i = 0; i < schema->record_count; i++) {
    const evsi_schema_record *record = &schema->records[i];
    for (uint32_t k = record->first_op; k < record->first_op + record->op_count; k++)
      add_op(m, evsi_schema_tree(schema, i), &schema->ops[k]);
  }
}

static void fill_pools(maker *m) {
  static const char *const common[] = {"0",    "1",    "-1",    "0.5", "\"\"", "\"a\"",
                                       "null", "true", "false", "[]",  "{}"};
  for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
    add_value(m, evsi_text(common[i]));
  add_schema(m, m->c->narrow);
  add_schema(m, m->c->wide);
  add_name(m, evsi_text("x"));
}

/* ---- making one up -------------------------------------------------------------------------------- */

/* xorshift: the same texts every time. */
static uint32_t dice(maker *m, uint32_t sides) {
  m->random ^= m->random << 13;
  m->random ^= m->random >> 7;
  m->random ^= m->random << 17;
  return m->is_plain ? 0 : (uint32_t)(m->random >> 33) % sides;
}

static uint8_t type_of(const char *json) {
  switch (*json) {
  case '"':
    return 1 << EVSI_NODE_STRING;
  case '[':
    return 1 << EVSI_NODE_ARRAY;
  case '{':
    return 1 << EVSI_NODE_OBJECT;
  case 't':
  case 'f':
    return 1 << EVSI_NODE_BOOLEAN;
  case 'n':
    return 1 << EVSI_NODE_NULL;
  default:
    return 1 << EVSI_NODE_NUMBER;
  }
}

/* A value from the pool, of one of the types where there is one. */
static void make_simple(maker *m, uint8_t types) {
  uint32_t fitting[POOL_MAX], count = 0;
  for (uint32_t i = 0; i < m->value_count; i++)
    if (type_of(m->texts.data + m->values[i]) & types)
      fitting[count++] = i;
  if (!count) {
    evsi_buf_add_text(&m->out, "null");
    return;
  }
  uint32_t at = fitting[dice(m, count)];
  evsi_buf_add(&m->out, m->texts.data + m->values[at], m->values[at + 1] - m->values[at]);
}

static void make(maker *m, evsi_set *set, int depth);

static void make_object(maker *m, const evsi_set *set, int depth) {
  const char *comma = "";
  evsi_buf_add_text(&m->out, "{");
  for (uint32_t i = 0; i < m->name_count; i++) {
    evsi_set values;
    if (!evsi_set_requires(m->c, set, m->names[i]) && dice(m, 4) < (m->is_sparse ? 3u : 2u))
      continue;
    evsi_set_of_member(m->c, set, m->names[i], &values);
    if (values.is_empty)
      continue;
    evsi_buf_add_text(&m->out, comma);
    evsi_buf_add_json(&m->out, m->names[i].data ? m->names[i].data : "", m->names[i].size);
    evsi_buf_add_text(&m->out, ":");
    make(m, &values, depth + 1);
    comma = ",";
  }
  evsi_buf_add_text(&m->out, "}");
}

static void make_array(maker *m, const evsi_set *set, int depth) {
  uint64_t cursor = 0;
  uint32_t record, count = dice(m, m->is_sparse ? 2 : 4);
  const evsi_op *least = evsi_set_next(m->c, set, EVSI_KEY_MIN_ITEMS, &cursor, &record);
  if (least && least->count <= ITEMS_MAX)
    count += (uint32_t)least->count;
  evsi_buf_add_text(&m->out, "[");
  for (uint32_t i = 0; i < count; i++) {
    evsi_set values;
    evsi_set_of_item(m->c, set, i, &values);
    if (values.is_empty)
      break;
    evsi_buf_add_text(&m->out, i ? "," : "");
    make(m, &values, depth + 1);
  }
  evsi_buf_add_text(&m->out, "]");
}

/* Takes one of the alternatives of each keyword that has some. */
static void choose_alternatives(maker *m, evsi_set *set) {
  static const int keywords[] = {EVSI_KEY_ANY_OF, EVSI_KEY_ONE_OF};
  for (int i = 0; i < 2; i++) {
    uint64_t cursor = 0;
    uint32_t record, rounds = 0;
    const evsi_op *op;
    while (rounds++ < DEPTH_MAX && (op = evsi_set_next(m->c, set, keywords[i], &cursor, &record))) {
      const evsi_schema_document *document = &m->c->narrow->documents[m->c->narrow->records[record].document];
      uint32_t at = evsi_node_first(op->value);
      for (uint32_t skip = dice(m, document->tree.nodes[op->value].count); skip > 0; skip--)
        at = evsi_node_next(&document->tree, at);
      evsi_set_add(m->c, set, document->schema_of[at]);
    }
  }
}

/* One of the values that are listed, if the set has them. */
static bool make_listed(maker *m, const evsi_set *set) {
  uint64_t cursor = 0;
  uint32_t record;
  const evsi_op *op = evsi_set_next(m->c, set, EVSI_KEY_CONST, &cursor, &record);
  uint32_t node = op ? op->value : EVSI_NODE_NONE;
  cursor = 0;
  if (!op && (op = evsi_set_next(m->c, set, EVSI_KEY_ENUM, &cursor, &record))) {
    const evsi_document *doc = evsi_schema_tree(m->c->narrow, record);
    node = doc->nodes[op->value].count ? evsi_node_first(op->value) : EVSI_NODE_NONE;
    for (uint32_t skip = node ? dice(m, doc->nodes[op->value].count) : 0; skip > 0; skip--)
      node = evsi_node_next(doc, node);
  }
  if (node == EVSI_NODE_NONE)
    return false;
  const evsi_document *doc = evsi_schema_tree(m->c->narrow, record);
  evs_bytes text = evsi_node_bytes(doc, node);
  if (doc->nodes[node].kind == EVSI_NODE_STRING)
    evsi_buf_add_json(&m->out, text.data ? text.data : "", text.size);
  else
    evsi_buf_add_bytes(&m->out, text);
  return true;
}

/* The kind of values that the keywords of the set are about. */
static uint32_t likely_kind(maker *m, const evsi_set *set) {
  static const struct {
    int keyword;
    evsi_node_kind kind;
  } about[] = {
      {EVSI_KEY_PROPERTIES, EVSI_NODE_OBJECT}, {EVSI_KEY_REQUIRED, EVSI_NODE_OBJECT},
      {EVSI_KEY_ITEMS, EVSI_NODE_ARRAY},       {EVSI_KEY_PREFIX_ITEMS, EVSI_NODE_ARRAY},
      {EVSI_KEY_MINIMUM, EVSI_NODE_NUMBER},    {EVSI_KEY_MAXIMUM, EVSI_NODE_NUMBER},
      {EVSI_KEY_MIN_LENGTH, EVSI_NODE_STRING}, {EVSI_KEY_MAX_LENGTH, EVSI_NODE_STRING},
  };
  bool is_guessed = dice(m, 4) == 3;
  for (size_t i = 0; i < sizeof about / sizeof about[0] && !is_guessed; i++) {
    uint64_t cursor = 0;
    uint32_t record;
    if (evsi_set_next(m->c, set, about[i].keyword, &cursor, &record))
      return about[i].kind;
  }
  return dice(m, EVSI_NODE_OBJECT + 1);
}

static void make(maker *m, evsi_set *set, int depth) {
  choose_alternatives(m, set);
  if (make_listed(m, set))
    return;
  uint8_t types = set->types & EVSI_TYPE_INTEGER ? set->types | 1 << EVSI_NODE_NUMBER : set->types;
  uint32_t kind = likely_kind(m, set);
  while (!(types & 1 << kind) && types & EVSI_TYPES_ALL)
    kind = (kind + 1) % (EVSI_NODE_OBJECT + 1);
  bool is_deep = depth >= DEPTH_MAX || m->out.size > TEXT_MAX;
  if (kind == EVSI_NODE_OBJECT && !is_deep)
    make_object(m, set, depth);
  else if (kind == EVSI_NODE_ARRAY && !is_deep)
    make_array(m, set, depth);
  else
    make_simple(m, (uint8_t)(1 << kind));
}

/* ---- trying it ------------------------------------------------------------------------------------ */

static bool accepts(evsi_comparison *c, const evsi_schema *schema, evsi_reading how, evs_bytes text,
                    bool *out_is_known) {
  bool is_valid = false;
  evs_error *error = NULL;
  evsi_validation_read(c->validation, how);
  evs_status status = evsi_schema_validate(schema, c->validation, text, &is_valid, &error);
  *out_is_known = status == EVS_OK;
  c->no_memory |= status == EVS_NOMEM;
  evsi_validation_read(c->validation, EVSI_READ_PLAIN);
  evs_error_free(error);
  return is_valid;
}

/* As the policy has it that texts are written and read. */
static bool shows_it(maker *m) {
  evsi_comparison *c = m->c;
  bool is_pragmatic = c->policy == EVSI_COMPAT_PRAGMATIC, is_known;
  evs_bytes text = evsi_bytes(m->out.data, m->out.size);
  if (m->out.failed || m->out.size > TEXT_MAX ||
      !accepts(c, c->narrow, is_pragmatic ? EVSI_READ_CLOSED : EVSI_READ_PLAIN, text, &is_known) || !is_known)
    return false;
  return !accepts(c, c->wide, is_pragmatic ? EVSI_READ_FILLED : EVSI_READ_PLAIN, text, &is_known) && is_known;
}

char *evsi_compat_example(evsi_comparison *c) {
  maker *m = evsi_calloc(1, sizeof *m);
  char *example = NULL;
  if (!m) {
    c->no_memory = true;
    return NULL;
  }
  m->c = c;
  m->random = UINT64_C(88172645463325252);
  fill_pools(m);
  for (int i = 0; i < TRIES_MAX && !m->texts.failed && !c->no_memory; i++) {
    evsi_set set;
    m->is_plain = i == 0;
    m->is_sparse = i % 2;
    evsi_buf_clear(&m->out);
    evsi_set_clear(&set);
    evsi_set_add(c, &set, 0);
    make(m, &set, 0);
    bool is_shorter = !example || m->out.size < strlen(example);
    if (is_shorter && shows_it(m)) {
      evsi_free(example);
      example = evsi_strndup(m->out.data, m->out.size);
      c->no_memory |= !example;
    }
    c->no_memory |= m->out.failed;
  }
  c->no_memory |= m->texts.failed;
  evsi_buf_free(&m->texts);
  evsi_buf_free(&m->out);
  evsi_free(m);
  return example;
}
