-- Reads what waits to be sent to another topic; writes nothing. KEYS: outbox. ARGV: most bytes to answer.
-- Answers for each {letter, target, full type or '', entry as MessagePack}, some of them; none when it is empty.
local budget, cursor, found = tonumber(ARGV[1]), '0', {}
repeat
  local page = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', 100)
  cursor = page[1]
  for i = 1, #page[2], 2 do
    if budget > 0 then
      local to, full, entry = unpack(cmsgpack.unpack(page[2][i + 1]))
      found[#found + 1] = {page[2][i], to, full, cmsgpack.pack(entry)}
      budget = budget - #page[2][i + 1]
    end
  end
until #found > 0 or cursor == '0'
return found
