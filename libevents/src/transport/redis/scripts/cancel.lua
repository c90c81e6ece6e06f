-- Takes back what waits to be due. KEYS: due times, waiting entries. ARGV: members. Answers for each: 1, or 0 for
-- one that does not wait (any more).
local answer = {}
for i, member in ipairs(ARGV) do
  redis.call('HDEL', KEYS[2], member)
  answer[i] = redis.call('ZREM', KEYS[1], member)
end
return answer
