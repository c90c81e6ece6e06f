-- Gives entries to other members. KEYS: stream, heartbeat, meta. ARGV: group, member, epoch, members'
-- version or '', then for each: id, target, state or ''. Answers {'FENCED'}, {'MOVED', …} or an array per
-- entry: 1 done, 0 not pending under this member, 2 its body was trimmed. One target that is gone refuses
-- all.
local stream, hb, meta = unpack(KEYS)
local group, member, epoch, version = unpack(ARGV)
if is_fenced(hb, member, epoch) then
  return {'FENCED'}
end
if has_moved(hb, version) then
  return moved(hb)
end
for at = 5, #ARGV, 3 do
  if redis.call('HEXISTS', hb, 'e:' .. ARGV[at + 1]) == 0 then
    return moved(hb)
  end
end
local answer = {}
for at = 5, #ARGV, 3 do
  local id, target, state = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local owner = held(stream, group, member, id)
  local outcome = 0
  if owner and not body(stream, id) then
    outcome = 2
  elseif owner and owner[1] == member then
    if state ~= '' then
      redis.call('HSET', meta, id, state)
    end
    redis.call('XCLAIM', stream, group, target, 0, id, 'JUSTID')
    redis.call('HINCRBY', meta, '@handed', 1)
    outcome = 1
  end
  answer[#answer + 1] = outcome
end
return answer
