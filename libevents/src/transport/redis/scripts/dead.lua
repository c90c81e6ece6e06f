-- Moves entries to the dead letters. KEYS: stream, heartbeat, meta, due, dead letters, index, lease of an ordered
-- stream. ARGV: group, member, epoch, members' version or '', then for each: id, record, state or ''. With a
-- state, which only ordered streams have, the entry stays pending behind its letter, and holds up others until
-- that was requeued or discarded. Answers {'FENCED'}, {'MOVED', …} or an array per entry: 1 done, 0 not pending
-- under this member.
local stream, hb, meta, due, dlq, index, lease = unpack(KEYS)
local group, member, epoch, version = unpack(ARGV)
if is_fenced(hb, member, epoch, lease) then
  return {'FENCED'}
end
if has_moved(hb, version) then
  return moved(hb)
end
local answer = {}
for at = 5, #ARGV, 3 do
  local id, record, state = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local owner, fields = held(stream, group, member, id), body(stream, id)
  local outcome = 0
  -- What was trimmed cannot change its owner: whoever finds it writes the tombstone.
  if owner and (owner[1] == member or not fields) then
    fields = lease and replaced(meta, id) or fields or {'data', ''}
    local letter = write_letter(dlq, index, letter_head(stream, dlq, id, record), fields, record)
    note_death(index, field(fields, 'requeue'))
    if state ~= '' then
      redis.call('HSET', meta, id, state)
      redis.call('HSET', lease, 'b:' .. id, letter)
    else
      redis.call('XACK', stream, group, id)
      redis.call('HINCRBY', meta, '@dead', 1)
      redis.call('HDEL', meta, id, 'f:' .. id)
    end
    redis.call('ZREM', due, id)
    outcome = 1
  end
  answer[#answer + 1] = outcome
end
return answer
