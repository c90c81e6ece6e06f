/* SPDX-License-Identifier: MIT
 * report.h - findings as JSON. */
#ifndef EVSI_REPORT_H
#define EVSI_REPORT_H

#include "schema/evaluate.h"

/* Freed with evsi_free(); NULL: no memory. */
char *evsi_report_text(const evsi_validation *v, bool is_valid, evsi_report_form form);

#endif
