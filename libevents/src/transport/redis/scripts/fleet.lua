-- Notes that a system lives, and forgets those that nobody heard of for long (their documents are gone by
-- themselves). KEYS: evs:fleet. ARGV: service:instance, the longest silence in ms. Answers the time.
local now = now_ms()
redis.call('ZADD', KEYS[1], number(now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', number(now - tonumber(ARGV[2])))
return number(now)
