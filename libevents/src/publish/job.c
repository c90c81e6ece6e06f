/* SPDX-License-Identifier: MIT
 * job.c - building the stored form of an event. */
#include "publish/job.h"

#include <stdio.h>
#include <string.h>

#include "base/blocks.h"
#include "base/error.h"
#include "event/identity.h"
#include "validate/body_check.h"

/* What an event is given here; written where it is needed. */
typedef struct given_texts {
  char id[37];
  char timestamp[25];
  char hash[65];
} given_texts;

typedef struct event_draft {
  given_texts *given;
  evs_bytes type;
  uint64_t made_ms;  /* of the timestamp; 0: it is the caller's */
  evs_bytes version; /* of the schema that the body is written by */
  const evsi_decision *decision;
  bool is_repeat;                 /* of an event that went the same way, under the same labels */
  evsi_buf envelopes[EVSI_FORMS]; /* in the forms that its transports want; else empty */
  evsi_parcel *parcel;            /* for those that take it as it is */
  evsi_buf packed;                /* the body, compressed; empty: it is stored as it is */
  evsi_encoding encoding;         /* of packed */
  evs_bytes body;
  evs_bytes event_id;
} event_draft;

/* Of a route, else of the transport. */
static evsi_ordering ordering_of(const evsi_publisher *publisher, const evsi_decision *decision,
                                 uint32_t link) {
  bool is_said = decision->route && decision->route->ordering != EVSI_ORDER_NONE;
  return is_said ? decision->route->ordering : publisher->setup.config->transports[link].ordering;
}

/* Consumers of an ordered topic have to know which events belong together. */
static bool is_ordered(const evsi_publisher *publisher, const evsi_decision *decision) {
  bool any = false;
  for (uint32_t i = 0; i < decision->transport_count; i++)
    any = any || ordering_of(publisher, decision, decision->transports[i]) != EVSI_ORDER_NONE;
  return any;
}

static evsi_form form_of(const evsi_publisher *publisher, uint32_t link) {
  return publisher->setup.config->transports[link].is_plain ? EVSI_FORM_PUBLISHED : EVSI_FORM_OWN;
}

/* What does not leave the process needs no stored form. */
static bool is_carried(const evsi_publisher *publisher, uint32_t link, const event_draft *draft) {
  return evsi_link_is_direct(&publisher->setup.links[link]) && draft->packed.size == 0;
}

/* What an event asks for beyond being stored must be possible wherever it goes. */
static evs_status check_capabilities(evsi_publisher *publisher, const evs_event *event,
                                     const evsi_decision *decision, evs_error **out_error) {
  bool is_durable = event->acknowledgement > EVS_ACKNOWLEDGE_STORED;
  for (uint32_t i = 0; i < decision->transport_count; i++) {
    const evsi_link *link = &publisher->setup.links[decision->transports[i]];
    if (!(link->ops->capabilities & EVS_CAP_PUBLISH))
      return evsi_error(out_error, EVS_UNSUPPORTED, "/transport",
                        "transport %s (%s) cannot publish: name another one, or give its route another",
                        link->config->name, link->ops->type);
    if (event->delay_ms > 0 && !(link->ops->capabilities & EVS_CAP_DELAY))
      return evsi_error(out_error, EVS_UNSUPPORTED, "/delay",
                        "transport %s (%s) cannot deliver later: publish to redis-streams, or when it is due",
                        link->config->name, link->ops->type);
    if (is_durable && !(link->ops->capabilities & EVS_CAP_DURABILITY))
      return evsi_error(out_error, EVS_UNSUPPORTED, "/acknowledgement",
                        "transport %s (%s) has neither replicas nor a disk: use none or stored",
                        link->config->name, link->ops->type);
  }
  return EVS_OK;
}

/* With routes there is a reason to ask which types they forget. */
static void count_unrouted(evsi_publisher *publisher, evs_bytes type) {
  const char *prefix = publisher->setup.config->origin_prefix;
  char full[2 * (EVSI_TYPE_MAX + 1)];
  snprintf(full, sizeof full, "%s%s%.*s", prefix, *prefix ? "." : "", (int)type.size, type.data);
  evsi_count_label(evsi_stats_label(publisher->setup.stats, EVSI_LABEL_TYPE, evsi_text(full)),
                   EVSI_LABELED_UNROUTED, 1);
}

/* By the decision of the event before, where that is the same for all that go this way. */
static bool is_decided(const evsi_run *run, const evsi_router *router, const evs_event *event) {
  return run->router == router && event->partition == 0 && run->decided_for == run->type.changes &&
         evsi_bytes_equal(run->topic, event->topic) && evsi_bytes_equal(run->transport, event->transport);
}

static evs_status route(evsi_publisher *publisher, const evs_event *event, event_draft *draft, evsi_run *run,
                        evs_error **out_error) {
  const evsi_config *config = publisher->setup.config;
  evsi_router *router = publisher->setup.router;
  if (is_decided(run, router, event)) {
    draft->is_repeat = event->origin.size == 0; /* others bring a prefix of their own */
    if (run->decision.route && event->topic.size == 0)
      evsi_router_used(router, run->decision.route, run->wall_ms);
    return EVS_OK;
  }
  evsi_route_query query = {.type = draft->type,
                            .key = event->key,
                            .partition = event->partition - 1,
                            .transport = -1,
                            .topic = event->topic,
                            .wall_ms = run->wall_ms};
  for (uint32_t i = 0; event->transport.size > 0 && i < config->transport_count; i++) {
    if (evsi_bytes_equal(event->transport, evsi_text(config->transports[i].name)))
      query.transport = (int32_t)i;
  }
  if (event->transport.size > 0 && query.transport < 0)
    return evsi_error(out_error, EVS_ROUTING, "/transport", "there is no transport named %.*s",
                      (int)(event->transport.size < 64 ? event->transport.size : 64), event->transport.data);
  run->router = NULL;
  evs_status status = evsi_router_route(router, &query, &run->decision, out_error);
  run->decided = evsi_text(status == EVS_OK ? run->decision.topic : NULL);
  if (status == EVS_OK && run->decision.partitions == 0) {
    run->router = router;
    run->decided_for = run->type.changes;
    run->topic = event->topic;
    run->transport = event->transport;
  }
  return status;
}

static evs_status decide(evsi_publisher *publisher, const evs_event *event, event_draft *draft, evsi_run *run,
                         evs_error **out_error) {
  const evsi_config *config = publisher->setup.config;
  const evsi_body_check check = {config, publisher->setup.schemas, publisher->setup.stats};
  evs_status status = evsi_event_check(config, event, &run->type, out_error);
  draft->type = evsi_bytes(run->type.text, run->type.size);
  if (status == EVS_OK)
    status = evsi_body_check_event(&check, run->type.text, event, &draft->version, out_error);
  if (status != EVS_OK)
    return status;
  status = route(publisher, event, draft, run, out_error);
  draft->decision = &run->decision;
  if (config->routing.route_count > 0 && !draft->decision->route && event->topic.size == 0)
    count_unrouted(publisher, draft->type);
  return status == EVS_OK ? check_capabilities(publisher, event, draft->decision, out_error) : status;
}

/* In the own form a compressed body travels beside the envelope. */
static void write_form(const evsi_envelope *envelope, evsi_form form, event_draft *draft) {
  evsi_envelope written = *envelope;
  if (form == EVSI_FORM_OWN && draft->packed.size > 0) {
    written.body = evsi_bytes(NULL, 0);
    written.encoding = evsi_text(evsi_encoding_word(draft->encoding));
  }
  evsi_envelope_encode(&draft->envelopes[form], &written, form);
}

static bool write_forms(const evsi_publisher *publisher, const evsi_envelope *envelope, event_draft *draft) {
  bool ok = true;
  for (uint32_t i = 0; i < draft->decision->transport_count && ok; i++) {
    uint32_t link = draft->decision->transports[i];
    evsi_form form = form_of(publisher, link);
    if (is_carried(publisher, link, draft)) {
      evs_bytes raw = envelope->content_type.size > 0 ? draft->body : evsi_bytes(NULL, 0);
      if (!draft->parcel)
        draft->parcel = evsi_parcel_new(envelope, raw, draft->made_ms);
      ok = draft->parcel != NULL;
      continue;
    }
    if (draft->envelopes[form].size == 0)
      write_form(envelope, form, draft);
    ok = !draft->envelopes[form].failed;
  }
  return ok;
}

/* The hash is over what was published, so this comes behind it. What does not get smaller stays as it is. */
static bool compress(const evsi_publisher *publisher, event_draft *draft) {
  const evsi_compression *policy = &publisher->setup.config->publisher.compression;
  bool is_wanted = false;
  for (uint32_t i = 0; i < draft->decision->transport_count; i++)
    is_wanted = is_wanted || form_of(publisher, draft->decision->transports[i]) == EVSI_FORM_OWN;
  if (!is_wanted || policy->algorithm == EVSI_ENCODING_NONE || draft->body.size < policy->min_bytes)
    return true;
  draft->encoding = policy->algorithm;
  if (!evsi_compress(draft->encoding, policy->level, draft->body, &draft->packed))
    return false;
  if (draft->packed.size >= draft->body.size)
    evsi_buf_free(&draft->packed);
  return true;
}

/* That of an event that is passed on is its own, also none. */
static evs_bytes prefix_of(const evsi_publisher *publisher, const evs_event *event) {
  return event->origin.size > 0 ? event->origin_prefix : evsi_text(publisher->setup.config->origin_prefix);
}

static bool is_white(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* White space around a JSON body: a reader of the envelope could not tell it from the envelope's own. */
static evs_bytes trimmed(evs_bytes text) {
  while (text.size > 0 && is_white(text.data[text.size - 1]))
    text.size--;
  for (; text.size > 0 && is_white(*text.data); text.size--)
    text.data++;
  return text;
}

static evs_bytes body_of(const evs_event *event) {
  if (event->content_type.size > 0)
    return event->body;
  return event->body.size > 0 ? trimmed(event->body) : evsi_text("null");
}

static evs_bytes given_timestamp(const event_draft *draft) {
  return evsi_bytes(draft->given->timestamp, sizeof draft->given->timestamp - 1);
}

/* The stages of an event in their order: check, route, hash, compress, envelope. */
static evs_status encode(evsi_publisher *publisher, const evs_event *event, event_draft *draft,
                         const evsi_run *run, evs_error **out_error) {
  const evsi_config *config = publisher->setup.config;
  const evsi_env *env = publisher->setup.env;
  bool is_json = event->content_type.size == 0;
  draft->body = body_of(event);
  draft->event_id = event->id;
  if (event->id.size == 0) {
    evsi_uuid7(env, run->wall_ms, draft->given->id);
    draft->event_id = evsi_bytes(draft->given->id, sizeof draft->given->id - 1);
  }
  if (event->timestamp.size == 0) {
    draft->made_ms = run->wall_ms;
    evsi_timestamp(draft->made_ms, draft->given->timestamp);
  }
  if (config->publisher.hash && evsi_sha256_hex(draft->body, draft->given->hash) != 0)
    return evsi_error(out_error, EVS_INTERNAL, NULL, "OpenSSL could not compute a SHA-256");
  if (!compress(publisher, draft))
    return evsi_error_nomem(out_error);
  evsi_envelope envelope = {
      .id = draft->event_id,
      .type = draft->type,
      .origin = event->origin.size > 0 ? event->origin : evsi_text(config->service),
      .origin_prefix = prefix_of(publisher, event),
      .timestamp = event->timestamp.size > 0 ? event->timestamp : given_timestamp(draft),
      .version = draft->version,
      .hash = evsi_bytes(draft->given->hash, config->publisher.hash ? sizeof draft->given->hash - 1 : 0),
      .content_type = event->content_type,
      .key = is_ordered(publisher, draft->decision) ? event->key : evsi_bytes(NULL, 0),
      .headers = event->headers,
      .body = is_json ? draft->body : evsi_bytes(NULL, 0),
  };
  return write_forms(publisher, &envelope, draft) ? EVS_OK : evsi_error_nomem(out_error);
}

static evs_bytes keep_full_type(char **at, evs_bytes prefix, evs_bytes type) {
  char *start = *at;
  if (prefix.size > 0) {
    evsi_bytes_place(at, prefix);
    (*at)[-1] = '.';
  }
  evsi_bytes_place(at, type);
  return evsi_bytes(start, (size_t)(*at - start) - 1);
}

/* What a transport stores, in one of the forms. */
typedef struct stored_form {
  evs_bytes data, raw;
} stored_form;

/* What is beside the envelope in this form, or nothing. */
static evs_bytes raw_of(const evs_event *event, const event_draft *draft, int form) {
  if (draft->envelopes[form].size == 0)
    return evsi_bytes(NULL, 0);
  if (form == EVSI_FORM_OWN && draft->packed.size > 0)
    return evsi_bytes(draft->packed.data, draft->packed.size);
  return event->content_type.size > 0 ? draft->body : evsi_bytes(NULL, 0);
}

static void fill_sends(evsi_publisher *publisher, evsi_job *job, const event_draft *draft, uint64_t sequence,
                       const evs_tp_event *event, const stored_form forms[EVSI_FORMS]) {
  for (uint32_t i = 0; i < job->send_count; i++) {
    evsi_send *send = &job->sends[i];
    uint32_t link = draft->decision->transports[i];
    memset(send, 0, offsetof(evsi_send, event));
    send->job = job;
    send->sequence = sequence;
    send->link = link;
    send->event = *event;
    if (is_carried(publisher, link, draft)) {
      send->event.parcel = draft->parcel;
      send->event.raw = draft->parcel->raw;
    } else {
      send->event.data = forms[form_of(publisher, link)].data;
      send->event.raw = forms[form_of(publisher, link)].raw;
    }
    send->event.ordering = ordering_of(publisher, draft->decision, link);
  }
}

static void label(evsi_publisher *publisher, evsi_job *job, const event_draft *draft, evsi_run *run) {
  evsi_stats *stats = publisher->setup.stats;
  if (!draft->is_repeat || !run->labels.type || !run->labels.topic) {
    evsi_stats_relabel(stats, EVSI_LABEL_TYPE, job->sends[0].event.full_type, &run->labels.type);
    evsi_stats_relabel(stats, EVSI_LABEL_TOPIC, job->sends[0].event.topic, &run->labels.topic);
  }
  job->labels = run->labels;
  for (uint32_t i = 0; i < job->send_count; i++) {
    const char *name = publisher->setup.links[job->sends[i].link].config->name;
    if (!draft->is_repeat || job->send_count > 1 || !run->labels.transport)
      evsi_stats_relabel(stats, EVSI_LABEL_TRANSPORT, evsi_text(name), &run->labels.transport);
    job->sends[i].label = run->labels.transport;
  }
}

/* Takes the parcel of the draft. */
static evsi_job *build(evsi_publisher *publisher, const evs_event *event, event_draft *draft, evsi_run *run) {
  evs_bytes prefix = prefix_of(publisher, event);
  uint32_t sends = draft->decision->transport_count;
  size_t fixed = sizeof(evsi_job) + sends * sizeof(evsi_send);
  size_t texts =
      prefix.size + draft->type.size + run->decided.size + draft->event_id.size + event->batch_key.size + 10;
  for (int form = 0; form < EVSI_FORMS; form++)
    texts += draft->envelopes[form].size + raw_of(event, draft, form).size;
  evs_bytes transport = evsi_text(publisher->setup.links[draft->decision->transports[0]].config->name);
  evsi_job *job = evsi_block(fixed + texts + transport.size + 1);
  if (!job)
    return NULL;
  char *at = (char *)job + fixed;
  uint32_t timeout = event->timeout_ms ? event->timeout_ms : publisher->setup.config->publisher.timeout_ms;
  memset(job, 0, sizeof *job);
  job->token = event->token;
  job->started_us = run->now_us;
  job->deadline_ms = run->now_us / 1000 + timeout;
  job->cost = texts;
  job->parcel = draft->parcel;
  job->send_count = sends;
  if (draft->parcel)
    job->cost += evsi_stored_bytes(draft->parcel, evsi_bytes(NULL, 0), draft->parcel->raw);
  atomic_init(&job->open, sends);
  atomic_init(&job->holders, sends);
  job->id = evsi_bytes_place(&at, draft->event_id);
  job->batch_key = evsi_bytes_place(&at, event->batch_key);
  job->transport = evsi_bytes_place(&at, transport);
  evs_tp_event stored = {.struct_size = sizeof stored,
                         .partition = draft->decision->partition,
                         .partitions = draft->decision->partitions,
                         .acknowledgement = event->acknowledgement,
                         .delay_ms = event->delay_ms,
                         .replicas = event->replicas ? event->replicas : 1,
                         .acknowledge_timeout_ms = event->acknowledge_timeout_ms,
                         .id = job->id};
  if (draft->decision->route) {
    stored.retention = evsi_text(draft->decision->route->retention_json);
    stored.on_dead_letter = draft->decision->route->on_dead_letter;
  }
  stored.topic = evsi_bytes_place(&at, run->decided);
  stored.full_type = keep_full_type(&at, prefix, draft->type);
  stored_form forms[EVSI_FORMS];
  for (int form = 0; form < EVSI_FORMS; form++) {
    const evsi_buf *envelope = &draft->envelopes[form];
    forms[form].data = evsi_bytes_place(&at, evsi_bytes(envelope->data, envelope->size));
    forms[form].raw = evsi_bytes_place(&at, raw_of(event, draft, form));
  }
  fill_sends(publisher, job, draft, run->sequence++, &stored, forms);
  label(publisher, job, draft, run);
  draft->parcel = NULL;
  return job;
}

/* What serves several events. */
static void look_ahead(evsi_publisher *publisher, evsi_run *run) {
  enum { EVENTS = 16 };
  if (run->events++ % EVENTS != 0)
    return;
  evsi_run_count(publisher, run);
  run->now_us = evsi_now_us(publisher->setup.env);
  run->wall_ms = evsi_wall_ms(publisher->setup.env);
  run->sequence = atomic_fetch_add(&publisher->sequence, EVENTS);
}

evsi_job *evsi_job_new(evsi_publisher *publisher, const evs_event *event, evsi_run *run,
                       evs_error **out_error) {
  look_ahead(publisher, run);
  given_texts given;
  event_draft draft = {.given = &given};
  evsi_job *job = NULL;
  evs_status status = decide(publisher, event, &draft, run, out_error);
  if (status == EVS_OK)
    status = encode(publisher, event, &draft, run, out_error);
  if (status == EVS_OK && !(job = build(publisher, event, &draft, run)))
    evsi_error_nomem(out_error);
  for (int form = 0; form < EVSI_FORMS; form++)
    evsi_buf_free(&draft.envelopes[form]);
  evsi_buf_free(&draft.packed);
  evsi_parcel_drop(draft.parcel);
  return job;
}
