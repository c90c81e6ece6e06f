-- Which streams have entries that are due soon? KEYS: evs:delays. ARGV: how soon, ms. Answers {name, ms until
-- then, …}, at most 1,000 names.
local now, answer = now_ms(), {}
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', number(now + tonumber(ARGV[1])), 'WITHSCORES',
                         'LIMIT', 0, 1000)
for i = 1, #found, 2 do
  answer[i] = found[i]
  answer[i + 1] = math.max(0, tonumber(found[i + 1]) - now)
end
return answer
