-- Removes all that is kept of a stream, unless somebody has joined one of its groups. KEYS: heartbeat, meta, due and
-- lease of each group, then the stream and what stands beside it. ARGV: 1 to do it even so, then the groups. Answers
-- {'MEMBER', group}, {'GROUP'} when there are other groups than these, or {'DONE', entries}.
local count = #ARGV - 1
local stream = KEYS[4 * count + 1]
local found = redis.pcall('XINFO', 'GROUPS', stream)
if not found.err and #found ~= count then
  return {'GROUP'}
end
for i = 1, count do
  local members = redis.call('HGETALL', KEYS[4 * i - 3])
  for at = 1, #members, 2 do
    if ARGV[1] ~= '1' and string.sub(members[at], 1, 2) == 'e:' then
      return {'MEMBER', ARGV[i + 1]}
    end
  end
end
local entries = redis.call('XLEN', stream)
for _, key in ipairs(KEYS) do
  redis.call('DEL', key)
end
return {'DONE', entries}
