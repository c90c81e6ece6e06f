-- How many of these entries are not through yet: a group that they are for has not read them, or has not settled
-- them, or is not there. What was trimmed is no longer waited for. KEYS: stream. ARGV: ids….
local stream = KEYS[1]

local function is_behind(last, id)
  local last_ms, last_seq = string.match(last, '^(%d+)-(%d+)$')
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  if last_ms ~= ms then
    return tonumber(last_ms) < tonumber(ms)
  end
  return tonumber(last_seq) < tonumber(seq)
end

local groups = {}
local known = redis.pcall('XINFO', 'GROUPS', stream)
for _, each in ipairs(known.err and {} or known) do
  local group = {}
  for i = 1, #each, 2 do
    group[each[i]] = each[i + 1]
  end
  groups[#groups + 1] = group
end

local function waits(id)
  local fields = body(stream, id)
  local only, is_somebodys = fields and object(field(fields, 'requeue')).group, false
  for _, group in ipairs(groups) do
    if not only or only == group.name then
      is_somebodys = true
      if is_behind(group['last-delivered-id'], id) or pending(stream, group.name, id) then
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
