-- Takes entries of a consumer that never registered and has been idle for long.
-- KEYS: stream, heartbeat, meta. ARGV: group, member, epoch, stranger, idle ms, most entries.
-- Answers {'FENCED'} or {'OK', entries}.
local stream, hb, meta = unpack(KEYS)
local group, member, epoch, stranger, idle, most = unpack(ARGV)
if is_fenced(hb, member, epoch) then
  return {'FENCED'}
end
if redis.call('HEXISTS', hb, 'c:' .. stranger) == 1 then
  return {'OK', {}}
end
local page = redis.call('XPENDING', stream, group, 'IDLE', idle, '-', '+', most, stranger)
return {'OK', take(stream, group, meta, member, page)}
