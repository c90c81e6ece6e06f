-- What others may have changed, at a glance; writes nothing. KEYS: any of the registry of topics, the index of
-- delayed events, the names of used outboxes. ARGV: how soon delayed events are of interest, ms, then what each key
-- is: 'topics', 'delayed' or 'outboxes'. Answers for each key {identity, version}, {stream, ms until something is
-- due there, …} or {stream, …}, of at most 1,000 streams, and after them what could not be read: {text, …}.
local soon, now = tonumber(ARGV[1]), now_ms()
local kinds, answer, troubles = {}, {}, {}

function kinds.topics(key)
  return redis.pcall('HMGET', key, '@id', '@version')
end

function kinds.delayed(key)
  local found = redis.pcall('ZRANGEBYSCORE', key, '-inf', number(now + soon), 'WITHSCORES', 'LIMIT', 0, 1000)
  for i = 2, #found, 2 do
    found[i] = math.max(0, tonumber(found[i]) - now)
  end
  return found
end

function kinds.outboxes(key)
  return redis.pcall('ZRANGE', key, 0, 999) -- those that were used the longest ago
end

for i, key in ipairs(KEYS) do
  answer[i] = kinds[ARGV[i + 1]](key)
  if answer[i].err then
    troubles[#troubles + 1] = key .. ': ' .. answer[i].err
    answer[i] = {}
  end
end
answer[#answer + 1] = troubles
return answer
