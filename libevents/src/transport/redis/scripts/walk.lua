-- Stands, behind common.lua, before the scripts that look through streams: an entry may be large, and what one call
-- reads is bounded by entries and by bytes, since the server serves nobody else meanwhile.

local function size_of(fields)
  local size = 0
  for _, each in ipairs(fields) do
    size = size + #each
  end
  return size
end

-- Calls visit(id, fields) for entries between two ids until `most` were seen, or more than `bytes` were read. Gives
-- how many were seen, the last id or '', and whether that was the end.
local function walk(stream, from, to, most, bytes, visit)
  local seen, read, last, chunk = 0, 0, '', 1
  while seen < most and read <= bytes do
    local wanted = math.min(chunk, most - seen)
    local page = redis.call('XRANGE', stream, from, to, 'COUNT', wanted)
    for _, each in ipairs(page) do
      read = read + size_of(each[2])
      visit(each[1], each[2])
      last = each[1]
    end
    seen = seen + #page
    if #page < wanted then
      return seen, last, true
    end
    from = '(' .. last
    -- grows while entries are small
    chunk = math.max(1, math.min(100, 2 * chunk, math.floor((bytes - read) * seen / math.max(1, read))))
  end
  return seen, last, false
end
