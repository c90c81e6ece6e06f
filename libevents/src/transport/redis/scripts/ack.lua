-- Acknowledges entries. KEYS: stream, heartbeat, meta, lease of an ordered stream. ARGV: group, member, epoch, members' version or '',
-- how many of the first ids have kept state, ids…. Answers {'FENCED'}, {'MOVED', …} or {'OK', acknowledged}.
local stream, hb, meta, lease = unpack(KEYS)
if is_fenced(hb, ARGV[2], ARGV[3], lease) then
  return {'FENCED'}
end
if has_moved(hb, ARGV[4]) then
  return moved(hb)
end
local count = redis.call('XACK', stream, ARGV[1], unpack(ARGV, 6))
if count > 0 then
  redis.call('HINCRBY', meta, '@acked', count)
end
local kept = tonumber(ARGV[5])
if kept > 0 then
  redis.call('HDEL', meta, unpack(ARGV, 6, 5 + kept))
  for i = 6, lease and 5 + kept or 0 do
    redis.call('HDEL', meta, 'f:' .. ARGV[i])
  end
end
return {'OK', count}
