/* SPDX-License-Identifier: MIT
 * redis_doctor_needs.c - what a user of the server must be allowed to do, role by role; docs/acl grants the
 * same, and a test compares the two. Commands are whole, since the server checks how many words they have. */
#include "transport/redis/redis_doctor.h"

#include <string.h>

#define ALL "pcov"
#define WRITERS "pco"

const evsi_redis_need evsi_redis_needs[] = {
    {"+ping", ALL, "PING"},
    {"+client|setname", ALL, "CLIENT SETNAME x"},
    {"+client|id", ALL, "CLIENT ID"},
    {"+time", ALL, "TIME"},
    {"+scan", ALL, "SCAN 0"},
    {"+eval", ALL, "EVAL x 1 {e}"},
    {"+evalsha", ALL, "EVALSHA x 1 {e}"},
    {"+hget", ALL, "HGET {e} f"},
    {"+hgetall", ALL, "HGETALL {e}"},
    {"+hmget", ALL, "HMGET {e} f"},
    {"+hscan", ALL, "HSCAN {e} 0"},
    {"+zrange", ALL, "ZRANGE {e} 0 1"},
    {"+zrangebyscore", ALL, "ZRANGEBYSCORE {e} 0 1"},
    {"+hset", WRITERS, "HSET {e} f v"},
    {"+hsetnx", WRITERS, "HSETNX {e} f v"},
    {"+hincrby", WRITERS, "HINCRBY {e} f 1"},
    {"+hdel", WRITERS, "HDEL {e} f"},
    {"+set", WRITERS, "SET {e} v"},
    {"+del", WRITERS, "DEL {e}"},
    {"+pexpire", WRITERS, "PEXPIRE {e} 1"},
    {"+zadd", WRITERS, "ZADD {e} 1 m"},
    {"+zrem", WRITERS, "ZREM {e} m"},
    {"+zremrangebyscore", WRITERS, "ZREMRANGEBYSCORE {e} 0 1"},
    {"+xadd", WRITERS, "XADD {s} * f v"},
    {"+xadd", "co", "XADD {d} * f v"},
    {"+type", "pc", "TYPE {s}"},
    {"+wait", "pc", "WAIT 0 1"},
    {"+client|unblock", "c", "CLIENT UNBLOCK 1"},
    {"+xreadgroup", "c", "XREADGROUP GROUP g c STREAMS {s} >"},
    {"+xack", "c", "XACK {s} g 0-1"},
    {"+xclaim", "c", "XCLAIM {s} g c 0 0-1"},
    {"+xgroup|create", "c", "XGROUP CREATE {s} g $"},
    {"+xgroup|delconsumer", "c", "XGROUP DELCONSUMER {s} g c"},
    {"+xtrim", "c", "XTRIM {s} MINID 0"},
    {"+hkeys", "c", "HKEYS {e}"},
    {"+zcard", "cov", "ZCARD {e}"},
    {"+xtrim", "o", "XTRIM {e} MINID 0"},
    {"+xdel", "co", "XDEL {d} 0-1"},
    {"+hexists", "co", "HEXISTS {e} f"},
    {"+exists", "cov", "EXISTS {s}"},
    {"+get", "cov", "GET {e}"},
    {"+memory|usage", "cov", "MEMORY USAGE {s}"},
    {"+xlen", "cov", "XLEN {s}"},
    {"+xpending", "cov", "XPENDING {s} g"},
    {"+xrange", "cov", "XRANGE {s} - +"},
    {"+xinfo|consumers", "cov", "XINFO CONSUMERS {s} g"},
    {"+xinfo|groups", "cov", "XINFO GROUPS {s}"},
    {"+xinfo|stream", "cov", "XINFO STREAM {s}"},
    {"+zcount", "cov", "ZCOUNT {e} 0 1"},
    {"+zscore", WRITERS, "ZSCORE {e} m"},
    {"+hlen", ALL, "HLEN {e}"},
    {"+xrevrange", "ov", "XREVRANGE {d} + -"},
    {"+zrank", "ov", "ZRANK {e} m"},
    {"+zrevrange", "ov", "ZREVRANGE {e} 0 1"},
};
const size_t evsi_redis_need_count = sizeof evsi_redis_needs / sizeof evsi_redis_needs[0];

char evsi_redis_role(const char *name) {
  static const char *const roles[] = {"publisher", "consumer", "operator", "viewer"};
  for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
    if (strcmp(roles[i], name) == 0)
      return name[0];
  }
  return '\0';
}
