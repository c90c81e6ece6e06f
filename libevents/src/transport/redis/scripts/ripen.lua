-- Moves waiting entries that are due into their stream, the earliest first. KEYS: stream, due times, waiting
-- entries. ARGV: most entries, most bytes, how long from now to look again where nothing waits, ms. Answers
-- {moved, ms until the next one is due or -1, when to look again}.
local stream, due, waiting = unpack(KEYS)
local most, bytes, idle = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now, moved = now_ms(), 0
for _, member in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', number(now), 'LIMIT', 0, most)) do
  local packed = redis.call('HGET', waiting, member)
  if packed then
    redis.call('XADD', stream, '*', unpack(cmsgpack.unpack(packed)))
    moved = moved + 1
    bytes = bytes - #packed
  end
  redis.call('HDEL', waiting, member)
  redis.call('ZREM', due, member)
  if bytes <= 0 then
    break
  end
end
local next_due = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]
if not next_due then
  return {moved, -1, number(now + idle)}
end
return {moved, math.max(0, tonumber(next_due) - now), next_due}
