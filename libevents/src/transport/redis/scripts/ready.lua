-- Which parked entries of an ordered stream are due? They stay with the member that handles it. KEYS: stream,
-- heartbeat, due, lease. ARGV: group, member, epoch, most entries. Answers {'FENCED'} or {'OK', {id, 1 if it is
-- pending still…}, ms until the next one is due or -1}.
local stream, hb, due, lease = unpack(KEYS)
local group, member, epoch, most = unpack(ARGV)
if is_fenced(hb, member, epoch, lease) then
  return {'FENCED'}
end
local now, found = now_ms(), {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', number(now), 'LIMIT', 0, most)) do
  local is_pending = pending(stream, group, id) ~= nil
  if not is_pending then
    redis.call('ZREM', due, id)
  end
  found[#found + 1] = id
  found[#found + 1] = is_pending and 1 or 0
end
local following = redis.call('ZRANGEBYSCORE', due, '(' .. number(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
return {'OK', found, following[2] and math.max(1, tonumber(following[2]) - now) or -1}
