/* SPDX-License-Identifier: MIT
 * accounts.h - who may log in: users and tokens of the options, with what they may do. */
#ifndef EVSD_ACCOUNTS_H
#define EVSD_ACCOUNTS_H

#include "options.h"
#include "problems.h"

/* Fills options->accounts from {users, tokens}; `auth` may be NULL. */
void evsd_accounts_read(json_t *auth, evsd_options *options, evsd_problems *problems);
/* The names of the bits, as an array. */
json_t *evsd_permissions_json(uint32_t permissions);

#endif
