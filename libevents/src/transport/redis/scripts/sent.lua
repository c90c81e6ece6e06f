-- Ends the way of letters to another topic: what stood in the outbox goes to the archive. KEYS: outbox, archive,
-- archived ids. ARGV: most archived, longest archived ms, then for each: letter, its copy. Answers how many ended
-- now.
local outbox, archive, archived = unpack(KEYS)
local now, count = now_ms(), 0
for at = 3, #ARGV, 2 do
  local waiting = redis.call('HGET', outbox, ARGV[at])
  if waiting then
    local _, _, _, fields, note, is_canary = unpack(cmsgpack.unpack(waiting))
    local about = object(note)
    about.at, about.copy = now, ARGV[at + 1]
    keep(archive, archived, fields, about)
    if is_canary and about.operation then
      note_copy(key_beside(outbox, 'op', about.operation), about.copy)
    end
    redis.call('HDEL', outbox, ARGV[at])
    count = count + 1
  end
end
trim(archive, archived, {most = ARGV[1], since = now - tonumber(ARGV[2])}, count)
return count
