-- Writes down what is to be known of entries whatever becomes of the member that handles them. KEYS: stream,
-- heartbeat, meta. ARGV: group, member, epoch, '', then for each: id, state. Answers {'FENCED'} or an array per
-- entry: 1 done, 0 not pending under this member.
local stream, hb, meta = unpack(KEYS)
local group, member, epoch = unpack(ARGV)
if is_fenced(hb, member, epoch) then
  return {'FENCED'}
end
local answer = {}
for at = 5, #ARGV, 2 do
  local owner = pending(stream, group, ARGV[at])
  local is_own = owner and owner[1] == member
  if is_own and ARGV[at + 1] ~= '' then
    redis.call('HSET', meta, ARGV[at], ARGV[at + 1])
  end
  answer[#answer + 1] = is_own and 1 or 0
end
return answer
