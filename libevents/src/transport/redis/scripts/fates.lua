-- How many of these entries are not through yet: a group that they are for has not read them, or has not settled
-- them, or is not there. What was trimmed is no longer waited for. KEYS: stream. ARGV: ids….
local stream = KEYS[1]

local groups = {}
local known = redis.pcall('XINFO', 'GROUPS', stream)
for _, each in ipairs(known.err and {} or known) do
  groups[#groups + 1] = pairs_of(each)
end

local function waits(id)
  local fields = body(stream, id)
  local only, is_somebodys = fields and object(field(fields, 'requeue')).group, false
  for _, group in ipairs(groups) do
    if not only or only == group.name then
      is_somebodys = true
      if is_behind(id, group['last-delivered-id']) or pending(stream, group.name, id) then
        return true
      end
    end
  end
  return fields and not is_somebodys
end

local count = 0
for _, id in ipairs(ARGV) do
  if waits(id) then
    count = count + 1
  end
end
return count
