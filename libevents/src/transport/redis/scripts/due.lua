-- Takes parked entries that are due. KEYS: stream, heartbeat, meta, due. ARGV: group, member, epoch, most
-- entries, '1' to give due times to parked entries that have none. Answers {'FENCED'} or
-- {'OK', entries, more due now, ms until the next one is due or -1}.
local stream, hb, meta, due = unpack(KEYS)
local group, member, epoch, most, repair = unpack(ARGV)
local trimmed_again_ms = 60000
if is_fenced(hb, member, epoch) then
  return {'FENCED'}
end
local now = now_ms()
if repair == '1' then
  for _, each in ipairs(redis.call('XPENDING', stream, group, '-', '+', 1000, '@retry')) do
    redis.call('ZADD', due, 'NX', number(now), each[1])
  end
end
local page = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', number(now), 'LIMIT', 0, most)) do
  local owner = held(stream, group, '@retry', id)
  if owner and owner[1] == '@retry' then
    page[#page + 1] = {id, '@retry', 0, owner[2]}
  else
    redis.call('ZREM', due, id)
  end
end
local entries = take(stream, group, meta, member, page)
for _, each in ipairs(entries) do
  if each[2] then
    redis.call('ZREM', due, each[1])
  else
    -- It cannot be taken and comes again if whoever got it now fails to settle it.
    redis.call('ZADD', due, number(now + trimmed_again_ms), each[1])
  end
end
local next_due = redis.call('ZRANGEBYSCORE', due, '(' .. number(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
return {
  'OK', entries, redis.call('ZCOUNT', due, '-inf', number(now)),
  next_due[2] and math.max(1, tonumber(next_due[2]) - now) or -1
}
