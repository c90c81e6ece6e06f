-- Makes archived entries dead letters again, if they were discarded. KEYS: dead letters, archive, archived
-- ids, index, progress of an operation, notes. ARGV: operation's owner or '', position of the operation, then
-- the ids that the dead letters had. Answers {'FENCED'} or for each {'OK', new id}, {'KEPT', what was done with
-- it instead} or {'NONE'}.
local dlq, archive, archived, index, progress, notes = unpack(KEYS)
local owner, position = unpack(ARGV)
local first = 3
if is_taken_over(progress, owner) then
  return {'FENCED'}
end

local function restore(id)
  local place = redis.call('HGET', archived, id)
  local fields = place and body(archive, place)
  if not fields then
    return {'NONE'}
  end
  local about = object(field(fields, 'archive'))
  if about.action ~= 'discarded' then
    return {'KEPT', about.action or 'unknown'}
  end
  local event, record, _, head = split_letter(fields)
  local letter = write_letter(dlq, index, head, event, record)
  if type(about.note) == 'table' then
    redis.call('HSET', notes, letter, encode(about.note))
  end
  redis.call('HDEL', archived, id)
  redis.call('XDEL', archive, place)
  return {'OK', letter}
end

local answer, counts = {}, {done = 0, skipped = 0, failed = 0}
for at = first, #ARGV do
  local outcome = restore(ARGV[at])
  local name = outcome[1] == 'OK' and 'done' or 'skipped'
  counts[name] = counts[name] + 1
  answer[#answer + 1] = outcome
end
advance(progress, owner, position, counts)
return answer
