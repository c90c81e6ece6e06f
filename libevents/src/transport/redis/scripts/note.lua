-- Writes a note beside dead letters, or takes it away. KEYS: dead letters, notes. ARGV: text or '', by, then ids….
-- Answers for each 1, or 0: there is no such letter.
local dlq, notes = unpack(KEYS)
local text, answer = ARGV[1], {}
for i = 3, #ARGV do
  local is_there = body(dlq, ARGV[i]) ~= nil
  if is_there and text ~= '' then
    redis.call('HSET', notes, ARGV[i], encode({text = text, by = ARGV[2], at = now_ms()}))
  elseif is_there then
    redis.call('HDEL', notes, ARGV[i])
  end
  answer[i - 2] = is_there and 1 or 0
end
return answer
