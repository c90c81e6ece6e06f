-- Removes the oldest dead letters of a topic that are too many or too old, with their notes; what they held up goes
-- on. KEYS: dead letters, index, retention, notes, stream. ARGV: most letters, longest age (ms), most to remove at once. Answers {removed, 1 if
-- more can go at once}.
local dlq, index, retention, notes, stream = unpack(KEYS)
local most, longest, at_once = unpack(ARGV)
local oldest_kept = now_ms() - tonumber(longest)
local removed, read, most_bytes = 0, 0, 4194304
while removed < tonumber(at_once) and read <= most_bytes do
  local letter = redis.call('XRANGE', dlq, '-', '+', 'COUNT', 1)[1]
  local at = letter and tonumber(string.match(letter[1], '^%d+'))
  if not letter or (at >= oldest_kept and redis.call('XLEN', dlq) <= tonumber(most)) then
    break
  end
  for _, each in ipairs(letter[2]) do
    read = read + #each
  end
  local _, record, mark = split_letter(letter[2])
  local held = held_entry(stream, index, record)
  if held then
    let_go(held, nil)
  end
  redis.call('XDEL', dlq, letter[1])
  redis.call('HDEL', notes, letter[1])
  index_remove(index, mark)
  removed = removed + 1
end
if removed > 0 then
  redis.call('HINCRBY', retention, 'letters', removed)
end
return {removed, (removed == tonumber(at_once) or read > most_bytes) and 1 or 0}
