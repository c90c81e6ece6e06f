-- The consumers of a group, at most so many; writes nothing. KEYS: stream. ARGV: group, most. Answers {name,
-- pending entries, ms since the server heard of it, …}.
local answer = {}
local found = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
for i = 1, math.min(#found, tonumber(ARGV[2])) do
  local about = pairs_of(found[i])
  append(answer, {about.name, about.pending, about.idle})
end
return answer
