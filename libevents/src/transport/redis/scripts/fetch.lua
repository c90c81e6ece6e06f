-- Reads entries with what was kept beside them. KEYS: stream, heartbeat, meta. ARGV: group, member, epoch,
-- ids…. Answers {'FENCED'} or {'OK', {{id, fields or false, 0, state}…}}.
local stream, hb, meta = unpack(KEYS)
if is_fenced(hb, ARGV[2], ARGV[3]) then
  return {'FENCED'}
end
local entries = {}
for i = 4, #ARGV do
  entries[i - 3] = {ARGV[i], body(stream, ARGV[i]) or false, 0, redis.call('HGET', meta, ARGV[i])}
end
return {'OK', entries}
