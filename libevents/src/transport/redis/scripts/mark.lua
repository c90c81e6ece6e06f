-- Notes that an outbox is used now, or forgets one that was found empty and has not been used for long. KEYS:
-- evs:outboxes. ARGV: name of the stream, '' or how long (ms). Answers 1 if it was forgotten.
local now, name, longest = now_ms(), ARGV[1], ARGV[2]
if longest == '' then
  redis.call('ZADD', KEYS[1], number(now), name)
  return 0
end
local used = redis.call('ZSCORE', KEYS[1], name)
if used and now - tonumber(used) > tonumber(longest) then
  return redis.call('ZREM', KEYS[1], name)
end
return 0
