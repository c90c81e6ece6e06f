/* SPDX-License-Identifier: MIT
 * bindings.h - the functions that JavaScript sees, one line each. A system is its number (see env_state.h).
 * lib/native.ts has their signatures; addon.c makes the exports from this list. */
#ifndef EVSN_BINDINGS_H
#define EVSN_BINDINGS_H

#include <node_api.h>

#define EVSN_BINDINGS(BIND)                                                                                  \
  BIND(install, evsn_env_install)                                                                            \
  BIND(shutdown, evsn_env_shutdown)                                                                          \
  /* bind_system.c */                                                                                        \
  BIND(open, evsn_open)                                                                                      \
  BIND(rearm, evsn_rearm)                                                                                    \
  BIND(hold, evsn_hold)                                                                                      \
  BIND(close, evsn_close)                                                                                    \
  BIND(release, evsn_release)                                                                                \
  BIND(stats, evsn_stats)                                                                                    \
  BIND(metrics, evsn_metrics)                                                                                \
  BIND(status, evsn_status)                                                                                  \
  BIND(explain, evsn_explain)                                                                                \
  BIND(request, evsn_request)                                                                                \
  /* bind_publish.c */                                                                                       \
  BIND(publish, evsn_publish)                                                                                \
  BIND(publishLines, evsn_publish_lines)                                                                     \
  /* bind_consume.c */                                                                                       \
  BIND(subscribe, evsn_subscribe)                                                                            \
  BIND(unsubscribe, evsn_unsubscribe)                                                                        \
  BIND(ack, evsn_ack)                                                                                        \
  BIND(fail, evsn_fail)                                                                                      \
  /* bind_poll.c */                                                                                          \
  BIND(poll, evsn_poll)                                                                                      \
  /* bind_dashboard.c */                                                                                     \
  BIND(dashboardStart, evsn_dashboard_start)                                                                 \
  BIND(dashboardStop, evsn_dashboard_stop)                                                                   \
  /* bind_schema.c */                                                                                        \
  BIND(schemaCompile, evsn_schema_compile)                                                                   \
  BIND(schemaValidate, evsn_schema_validate)                                                                 \
  BIND(schemaReport, evsn_schema_report)                                                                     \
  BIND(schemaFill, evsn_schema_fill)                                                                         \
  BIND(schemaCompat, evsn_schema_compat)                                                                     \
  /* bind_pure.c */                                                                                          \
  BIND(version, evsn_version)                                                                                \
  BIND(statusList, evsn_status_list)                                                                         \
  BIND(configCheck, evsn_config_check)                                                                       \
  BIND(patternNormalize, evsn_pattern_normalize)                                                             \
  BIND(patternMatches, evsn_pattern_matches)                                                                 \
  BIND(typeCheck, evsn_type_check)                                                                           \
  BIND(fullType, evsn_full_type)                                                                             \
  BIND(originDelivered, evsn_origin_delivered)                                                               \
  BIND(retryDelay, evsn_retry_delay)                                                                         \
  BIND(bodyHash, evsn_body_hash)                                                                             \
  BIND(partitionForKey, evsn_partition_for_key)                                                              \
  BIND(keySlot, evsn_key_slot)

#define EVSN_DECLARE(name, function) napi_value function(napi_env env, napi_callback_info info);
EVSN_BINDINGS(EVSN_DECLARE)
#undef EVSN_DECLARE

#endif
