-- Moves entries to the dead letters. KEYS: stream, heartbeat, meta, due, dead letters, index. ARGV: group,
-- member, epoch, members' version or '', then for each: id, record. Answers {'FENCED'}, {'MOVED', …} or an
-- array per entry: 1 done, 0 not pending under this member.
local stream, hb, meta, due, dlq, index = unpack(KEYS)
local group, member, epoch, version = unpack(ARGV)
if is_fenced(hb, member, epoch) then
  return {'FENCED'}
end
if has_moved(hb, version) then
  return moved(hb)
end
local answer = {}
for at = 5, #ARGV, 2 do
  local id, record = ARGV[at], ARGV[at + 1]
  local owner, fields = held(stream, group, member, id), body(stream, id)
  local outcome = 0
  -- What was trimmed cannot change its owner: whoever finds it writes the tombstone.
  if owner and (owner[1] == member or not fields) then
    fields = fields or {'data', ''}
    write_letter(dlq, index, letter_head(stream, dlq, id, record), fields, record)
    note_death(index, field(fields, 'requeue'))
    redis.call('XACK', stream, group, id)
    redis.call('HINCRBY', meta, '@dead', 1)
    redis.call('HDEL', meta, id)
    redis.call('ZREM', due, id)
    outcome = 1
  end
  answer[#answer + 1] = outcome
end
return answer
