/* SPDX-License-Identifier: MIT
 * origin.h - is this request meant for us, and did our own page make it? Against DNS rebinding and forged
 * requests of other sites; who the caller is, is another question (auth.h). */
#ifndef EVSD_ORIGIN_H
#define EVSD_ORIGIN_H

#include "request.h"

/* Host must name an address or name of ours. */
bool evsd_origin_check_host(evsd_request *request);
/* Without credentials only this machine is served. */
bool evsd_origin_check_peer(evsd_request *request);
/* For unsafe calls: not made by another site's page. */
bool evsd_origin_check_site(evsd_request *request);

#endif
