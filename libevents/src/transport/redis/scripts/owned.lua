-- Acknowledges entries, each only where it is pending under this member: other libraries take what they like.
-- KEYS: stream, heartbeat, meta. ARGV: group, member, epoch, members' version or '', ids…. Answers {'FENCED'},
-- {'MOVED', …} or an array per entry: 1 done, 0 not pending under this member.
local stream, hb, meta = unpack(KEYS)
local group, member, epoch, version = unpack(ARGV)
if is_fenced(hb, member, epoch) then
  return {'FENCED'}
end
if has_moved(hb, version) then
  return moved(hb)
end
local answer = {}
for at = 5, #ARGV do
  local owner = pending(stream, group, ARGV[at])
  local count = owner and owner[1] == member and redis.call('XACK', stream, group, ARGV[at]) or 0
  if count > 0 then
    redis.call('HINCRBY', meta, '@acked', count)
    redis.call('HDEL', meta, ARGV[at])
  end
  answer[#answer + 1] = count
end
return answer
