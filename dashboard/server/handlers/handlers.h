/* SPDX-License-Identifier: MIT
 * handlers.h - the functions of the route table, and what several resources share. Each handler finds the
 * caller checked and answers exactly once. */
#ifndef EVSD_HANDLERS_H
#define EVSD_HANDLERS_H

#include "../request.h"

void evsd_get_health(evsd_request *request);
void evsd_get_ready(evsd_request *request);
void evsd_get_metrics(evsd_request *request);
void evsd_get_page(evsd_request *request);
void evsd_get_asset(evsd_request *request);
void evsd_get_openapi(evsd_request *request);
void evsd_get_session(evsd_request *request);
void evsd_get_overview(evsd_request *request);
void evsd_get_series(evsd_request *request);
void evsd_get_publishers(evsd_request *request);
void evsd_get_publisher(evsd_request *request);
void evsd_get_groups(evsd_request *request);
void evsd_get_group(evsd_request *request);
void evsd_post_group_pause(evsd_request *request);
void evsd_post_group_resume(evsd_request *request);
void evsd_get_routes(evsd_request *request);
void evsd_get_coverage(evsd_request *request);
void evsd_post_trace(evsd_request *request);
void evsd_get_schemas(evsd_request *request);
void evsd_get_schema(evsd_request *request);
void evsd_get_schema_diff(evsd_request *request);
void evsd_post_schema_validate(evsd_request *request);
void evsd_get_fingerprints(evsd_request *request);
void evsd_get_fingerprint(evsd_request *request);
void evsd_get_entries(evsd_request *request);
void evsd_get_archive(evsd_request *request);
void evsd_get_entry(evsd_request *request);
void evsd_get_entry_body(evsd_request *request);
void evsd_post_entry_requeue(evsd_request *request);
void evsd_post_entry_discard(evsd_request *request);
void evsd_post_entry_restore(evsd_request *request);
void evsd_post_entry_note(evsd_request *request);
void evsd_post_preview(evsd_request *request);
void evsd_get_operations(evsd_request *request);
void evsd_post_operation(evsd_request *request);
void evsd_get_operation(evsd_request *request);
void evsd_patch_operation(evsd_request *request);
void evsd_get_audit(evsd_request *request);
void evsd_get_about(evsd_request *request);

/* ---- shared ------------------------------------------------------------------------------------- */

enum { EVSD_REASON_MAX = 1000 };

/* A copy of a member, or null: what it stands in may be shared with other threads. */
json_t *evsd_member(const json_t *object, const char *name);

/* All groups as Group documents; NULL and why where the store does not say. */
json_t *evsd_groups_build(evs_dashboard *dashboard, evsd_failure *failure);
/* All groups of dead letters as Fingerprint documents, the largest first; NULL and why. */
json_t *evsd_fingerprints_build(evs_dashboard *dashboard, evsd_failure *failure);
/* An EntrySummary, of an item of dlq.list, dlq.get or dlq.archive. */
json_t *evsd_entry_summary(const json_t *item);
/* Archived {at, by, action, copy, reason} of an item of the archive. */
json_t *evsd_entry_archived(const json_t *item);

#endif
