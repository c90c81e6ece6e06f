-- Reads entries with what was kept beside them. KEYS: stream, heartbeat, meta, due, lease of an ordered stream.
-- ARGV: group, member, epoch, how many of the first ids count as delivered once more, ids…. Answers {'FENCED'} or
-- {'OK', {{id, fields or false, 0, state, ms until it is due or 0}…}}.
local stream, hb, meta, due, lease = unpack(KEYS)
local group, member, epoch, counting = unpack(ARGV)
if is_fenced(hb, member, epoch, lease) then
  return {'FENCED'}
end
local entries, now = {}, now_ms()
for i = 5, #ARGV do
  local id = ARGV[i]
  local fields = body(stream, id)
  if fields and i - 4 <= tonumber(counting) then
    redis.call('XCLAIM', stream, group, member, 0, id)
  end
  local at = lease and redis.call('ZSCORE', due, id)
  if at and tonumber(at) <= now then
    redis.call('ZREM', due, id)
  end
  fields = fields and lease and replaced(meta, id) or fields
  entries[i - 4] = {id, fields or false, 0, redis.call('HGET', meta, id), at and math.max(0, at - now) or 0}
end
return {'OK', entries}
