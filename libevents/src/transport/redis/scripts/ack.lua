-- Acknowledges entries. KEYS: stream, heartbeat, meta. ARGV: group, member, epoch, members' version or '',
-- how many of the first ids have kept state, ids…. Answers {'FENCED'}, {'MOVED', …} or {'OK', acknowledged}.
local stream, hb, meta = unpack(KEYS)
if is_fenced(hb, ARGV[2], ARGV[3]) then
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
end
return {'OK', count}
