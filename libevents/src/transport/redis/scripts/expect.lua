-- Notes when somebody has to look at the delayed events of a stream. It may only become later where nobody changed it
-- since it was read: else something may have been stored that was not seen. KEYS: evs:delays. ARGV: stream, what was
-- read or '', when by what was seen, and how long from now at most where 0 was read, ms: then something may be about to
-- be stored.
local index, name, seen, at, soon = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local noted = tonumber(redis.call('ZSCORE', index, name) or '')
if seen == 0 then
  at = math.min(at, now_ms() + soon)
end
if not noted or noted == seen or at < noted then
  redis.call('ZADD', index, number(at), name)
end
return 0
