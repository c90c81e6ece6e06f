-- The registry of schemas: read, or changed by who knows the state that it is in. KEYS: evs:schemas. ARGV: that
-- state, the id of a registry that begins now, then key, value, … to set. Answers {1, state} when they are set,
-- {0, state} when others were faster; without any {state}, and what there is unless the caller knows it.
local key, known = KEYS[1], ARGV[1]

-- How many fields there are shows what was put there or taken away by hand.
local function state()
  local id, version = unpack(redis.call('HMGET', key, '@id', '@version'))
  return (id or '') .. ':' .. (version or '0') .. ':' .. redis.call('HLEN', key)
end

local now = state()
if #ARGV == 2 then
  return now == known and {now} or {now, redis.call('HGETALL', key)}
end
if now ~= known then
  return {0, now}
end
redis.call('HSETNX', key, '@id', ARGV[2])
redis.call('HINCRBY', key, '@version', 1)
redis.call('HSET', key, unpack(ARGV, 3))
return {1, state()}
