/* SPDX-License-Identifier: MIT
 * evaluate.h - the parts of validating, for each other. A frame is one schema applied to one value; the
 * frames are a stack of ours. Each operation has a step: it decides, or asks for another schema to be applied
 * and is called again with the outcome. */
#ifndef EVSI_EVALUATE_H
#define EVSI_EVALUATE_H

#include "schema/equal.h"
#include "schema/grow.h"
#include "schema/program.h"

typedef enum evsi_step { EVSI_STEP_VALID, EVSI_STEP_INVALID, EVSI_STEP_APPLY } evsi_step;

typedef struct evsi_frame {
  uint32_t record;
  uint32_t node;
  uint32_t op;       /* the operation that is at work */
  uint32_t last_op;  /* behind the last */
  uint32_t marks;    /* how many there were when it began */
  uint32_t scopes;   /* the same */
  uint32_t remarks;  /* the same */
  uint32_t findings; /* how many there were when the operation began */
  uint32_t cursor;   /* of the operation: where it is among what it goes through */
  uint32_t count;    /* of the operation: what it counts */
  bool is_resumed;   /* the operation asked for something, and `was_valid` is the outcome */
  bool was_valid;
  bool has_failed;  /* the operation found something invalid, and goes on */
  bool is_invalid;  /* an operation before */
  bool is_quiet;    /* only the verdict counts */
  bool is_in_place; /* the value is the one of the frame below */
  bool tracks;      /* which items and members were looked at is noted */
  bool names;       /* it, or a schema for the same value, names members */
  uint32_t named;   /* members that its properties name */
  uint32_t fills;   /* how many there were when it began */
} evsi_frame;

/* A member that is required and lacking, and that has a default. */
typedef struct evsi_fill {
  uint32_t node;   /* the object that lacks it */
  uint32_t record; /* the schema that requires it */
  uint32_t key;    /* in that schema's document: its name in properties */
  uint32_t value;  /* the default */
  uint32_t order;  /* in which they were noted */
} evsi_fill;

/* Something that is wrong; texts are offsets into `texts`. */
typedef struct evsi_finding {
  uint32_t record;
  uint32_t op;
  uint32_t node;
  uint32_t path; /* of the schema, with the references that were followed */
  uint32_t path_size;
  uint32_t message;
  uint32_t message_size;
} evsi_finding;

/* What a schema that holds says of a value, without deciding anything: title, default, content…, x-…. */
typedef struct evsi_remark {
  uint32_t record;
  uint32_t key; /* in the schema's document */
  uint32_t node;
  uint32_t path; /* an offset into `remark_texts` */
  uint32_t path_size;
} evsi_remark;

typedef struct evsi_request {
  uint32_t record;
  uint32_t node;
  bool is_in_place;
  bool is_quiet;
} evsi_request;

struct evsi_validation {
  const evsi_schema *schema;
  uint32_t root; /* the record that the text is held against */
  evsi_document document;
  evsi_frame *frames;
  uint32_t *marks;  /* nodes that some schema of the frames looked at */
  uint32_t *scopes; /* resources that were entered, the outermost first */
  uint32_t *stamps; /* by node: when unevaluated… saw a mark of it */
  uint64_t *hashes; /* by node */
  evsi_finding *findings;
  evsi_remark *remarks;
  evsi_regex_memory *regex;
  evsi_equality equality;
  evsi_decimal number; /* of the node that a keyword last read as one: others ask for the same */
  uint32_t number_node;
  evsi_buf texts;
  evsi_buf remark_texts;
  evsi_request request; /* of the step that gave EVSI_STEP_APPLY */
  const char *gave_up;  /* why there is no verdict */
  uint64_t work;
  uint64_t work_max;
  uint32_t stamp;
  uint32_t findings_max;
  uint32_t frame_count, frame_capacity;
  uint32_t mark_count, mark_capacity;
  uint32_t scope_count, scope_capacity;
  uint32_t stamp_capacity, hash_capacity;
  uint32_t finding_count, finding_capacity;
  uint32_t remark_count, remark_capacity;
  evsi_fill *fills;
  uint32_t fill_count, fill_capacity;
  bool fills_in;  /* what is lacking and has a default counts as there, and is noted */
  bool is_closed; /* where a schema names members, there are no others */
  bool has_hashes;
  bool collects; /* remarks; then no schema is applied quietly, and findings mean nothing */
  bool is_cut;   /* there were more findings or remarks */
  bool no_memory;
};
typedef struct evsi_validation evaluation;

/* Runs the whole; findings are noted unless `is_quiet`. False: no verdict, see no_memory and gave_up. */
bool evsi_evaluate(evaluation *e, bool is_quiet, bool *out_valid);

/* ---- validate.c ---- */
/* As evsi_schema_validate(), by one of the schemas inside. */
evs_status evsi_schema_validate_by(const evsi_schema *schema, uint32_t record, evsi_validation *validation,
                                   evs_bytes text, bool *out_valid, evs_error **out_error);

/* ---- for steps ---- */
/* To an item or member; anything but EVSI_STEP_APPLY is its outcome already. */
evsi_step evsi_apply(evaluation *e, const evsi_frame *f, uint32_t record, uint32_t node);
evsi_step evsi_apply_in_place(evaluation *e, const evsi_frame *f, uint32_t record);
evsi_step evsi_apply_quietly(evaluation *e, uint32_t record, uint32_t node, bool is_in_place);
/* Notes a finding; always EVSI_STEP_INVALID. */
evsi_step evsi_refuse(evaluation *e, const evsi_frame *f, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
evsi_step evsi_give_up(evaluation *e, const char *why);
evsi_step evsi_short_of_memory(evaluation *e);
/* The node was looked at. False when memory is short. */
bool evsi_mark(evaluation *e, const evsi_frame *f, uint32_t node);
/* Notes the remarks of a frame that holds, and forgets those of one that does not. */
void evsi_remark_frame(evaluation *e, const evsi_frame *f);
/* Forgets the findings since the operation began. */
void evsi_forget(evaluation *e, const evsi_frame *f);
/* Holds a string or key against one of the schema's expressions. False: no verdict, the evaluation ends. */
bool evsi_match(evaluation *e, uint32_t regex, uint32_t node, bool *out_matches);
bool evsi_judge(evaluation *e, evsi_regex_verdict verdict, bool *out_matches);

static inline const evsi_node *evsi_value(const evaluation *e, const evsi_frame *f) {
  return &e->document.nodes[f->node];
}
static inline const evsi_document *evsi_tree(const evaluation *e, const evsi_frame *f) {
  return evsi_schema_tree(e->schema, f->record);
}
static inline uint32_t evsi_record_of(const evaluation *e, const evsi_frame *f, uint32_t node) {
  return e->schema->documents[e->schema->records[f->record].document].schema_of[node];
}

typedef evsi_step evsi_step_fn(evaluation *e, evsi_frame *f, const evsi_op *op);
/* check_value.c: one value by itself */
evsi_step_fn evsi_step_false, evsi_step_type, evsi_step_const, evsi_step_enum, evsi_step_maximum,
    evsi_step_exclusive_maximum, evsi_step_minimum, evsi_step_exclusive_minimum, evsi_step_multiple_of,
    evsi_step_max_length, evsi_step_min_length, evsi_step_pattern, evsi_step_format;
/* check_container.c: without looking into the items and members */
evsi_step_fn evsi_step_max_items, evsi_step_min_items, evsi_step_unique_items, evsi_step_max_properties,
    evsi_step_min_properties, evsi_step_required, evsi_step_dependent_required;
/* apply_in_place.c: other schemas for the same value */
evsi_step_fn evsi_step_ref, evsi_step_dynamic_ref, evsi_step_all_of, evsi_step_any_of, evsi_step_one_of,
    evsi_step_not, evsi_step_if, evsi_step_dependent_schemas, evsi_step_dependencies;
/* apply_items.c */
evsi_step_fn evsi_step_prefix_items, evsi_step_items, evsi_step_additional_items, evsi_step_contains,
    evsi_step_unevaluated_items;
/* apply_members.c */
evsi_step_fn evsi_step_properties, evsi_step_pattern_properties, evsi_step_additional_properties,
    evsi_step_property_names, evsi_step_unevaluated_properties;

/* closed.c: members of the frame's object that no schema looked at are refused, where one names members. */
evsi_step evsi_check_closed(evaluation *e, evsi_frame *f);
/* fill.c: counts the lacking member as there when it has a default. */
bool evsi_fill_note(evaluation *e, const evsi_frame *f, evs_bytes name);
/* The text that was evaluated, with what was noted filled in. */
void evsi_fill_text(evaluation *e, evs_bytes text, evsi_buf *out);

/* apply_items.c: notes with a new stamp what was marked since the frame began, once; the node's own stamp
 * then tells. False when memory is short. */
bool evsi_stamp_marks(evaluation *e, evsi_frame *f);
/* check_container.c: the names in the array at `names` that are not members, as one finding. */
evsi_step evsi_check_required(evaluation *e, const evsi_frame *f, uint32_t names, const char *because);

#endif
