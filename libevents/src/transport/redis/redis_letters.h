/* SPDX-License-Identifier: MIT
 * redis_letters.h - reading dead letters and their archive page by page, through a script that leaves large
 * bodies in the store. Private to transport/redis. @thread io. */
#ifndef EVSI_REDIS_LETTERS_H
#define EVSI_REDIS_LETTERS_H

#include "transport/redis/redis_request.h"

enum {
  EVSI_LETTERS_ROW_BYTES = 16384,   /* of a value, where only its beginning is needed */
  EVSI_LETTERS_PAGE_BYTES = 8388608 /* of an answer; one letter may be larger */
};

/* The archive's bounds for each stream. */
enum { EVSI_ARCHIVE_MOST = 1000000 };
static const uint64_t evsi_archive_ms = 30ULL * 24 * 3600 * 1000;

/* What to read of one stream of letters. */
typedef struct evsi_redis_page {
  const char *key;
  const char *notes; /* key of the notes beside them, or NULL */
  bool is_newest_first;
  const char *from, *to; /* ids, with a parenthesis for exclusive; "-" and "+" */
  uint64_t most;
  uint64_t longest; /* longer values come cut; 0: whole */
} evsi_redis_page;

/* Calls the script; texts and fingerprint of the request's filter are applied in the store. */
void evsi_redis_letters_read(evsi_redis_request *request, const evsi_redis_page *page,
                             evsi_redis_request_fn fn, uint64_t tag);

/* Asks for the newest letter's id: evsi_redis_letters_last() of the answer. */
void evsi_redis_letters_bound(evsi_redis_request *request, const char *key, evsi_redis_request_fn fn,
                              uint64_t tag);

/* The answer of that script. */
evs_bytes evsi_redis_letters_last(const evsi_redis_reply *reply); /* empty: nothing was looked at */
uint64_t evsi_redis_letters_seen(const evsi_redis_reply *reply);
bool evsi_redis_letters_ended(const evsi_redis_reply *reply);
const evsi_redis_reply *evsi_redis_letters_rows(const evsi_redis_reply *reply);

/* "<transport>/<name of a stream>/<what is in it>", which is not looked into. */
bool evsi_redis_address_split(const evs_transport *transport, const char *id, evs_bytes *out_name,
                              evs_bytes *out_entry);

/* A dead letter from one row; scratch holds what has to be built and keeps the letter's id first. */
void evsi_redis_letter_read(const evs_transport *transport, evs_bytes name, const evsi_redis_reply *row,
                            evsi_dead_letter *letter, evsi_buf *scratch);
/* Splits "<transport>/<name>/<entry>"; false when it is no id of this transport. */
bool evsi_redis_letter_split(const evs_transport *transport, const char *id, evs_bytes *out_name,
                             evs_bytes *out_entry);
/* The other way. */
void evsi_redis_letter_id(const evs_transport *transport, evs_bytes name, evs_bytes entry, evsi_buf *out);

#endif
