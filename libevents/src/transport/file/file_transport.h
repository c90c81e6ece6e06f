/* SPDX-License-Identifier: MIT
 * file_transport.h - events in one file on the disk of this host, shared by its processes; no server. */
#ifndef EVSI_FILE_TRANSPORT_H
#define EVSI_FILE_TRANSPORT_H

#include "libevents_transport.h"

extern const evs_transport_ops evsi_file_transport;

#endif
