-- Reads a page of dead letters or of the archive; writes nothing. KEYS: stream, and where there may be some its notes. ARGV: '1' newest first, first
-- id (exclusive with a parenthesis), last id, most entries to look at, most bytes to answer, longest value
-- ('-1' any) of what came with the event, text that some value must contain or '', fingerprint or ''.
-- Answers {last id looked at or '', entries looked at, 1 at the end, {{id, fields, size of data, size of
-- raw, note or nil}…}}.
local key, notes = KEYS[1], KEYS[2]
local newest, from, to, most, budget, longest, text, fingerprint = unpack(ARGV)
local command = newest == '1' and 'XREVRANGE' or 'XRANGE'
most, budget, longest = tonumber(most), tonumber(budget), tonumber(longest)

local function has_text(fields)
  for i = 2, #fields, 2 do
    if string.find(fields[i], text, 1, true) then
      return true
    end
  end
  return false
end

local function is_wanted(fields)
  if fingerprint ~= '' then
    local _, _, mark = split_letter(fields)
    if mark and string.sub(mark, 1, #fingerprint) ~= fingerprint then
      return false
    end
  end
  return text == '' or has_text(fields)
end

-- Values are cut up to the record: it and what follows are ours, and short.
local function shorten(id, fields)
  local sizes, bytes, is_ours = {data = 0, raw = 0}, 0, false
  for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    is_ours = is_ours or name == 'dead' or name == 'archive'
    if sizes[name] and not is_ours then
      sizes[name] = #value
    end
    if longest >= 0 and #value > longest and not is_ours then
      fields[i + 1] = string.sub(value, 1, longest)
    end
    bytes = bytes + #fields[i + 1]
  end
  return {id, fields, sizes.data, sizes.raw, notes and redis.call('HGET', notes, id) or nil}, bytes
end

-- Backwards from before its first entry the server walks through the whole stream; that is never asked.
local oldest = newest == '1' and (redis.call('XRANGE', key, to, from, 'COUNT', 1)[1] or {''})[1]
local found, last, seen, read, sent, is_end = {}, '', 0, 0, 0, oldest == '' and 1 or 0
local chunk = 1 -- grows while entries are small
while seen < most and sent < budget and read < 4 * budget and is_end == 0 do
  local page = redis.call(command, key, from, to, 'COUNT', math.min(chunk, most - seen))
  if #page < math.min(chunk, most - seen) then
    is_end = 1
  end
  for _, each in ipairs(page) do
    local id, fields = each[1], each[2]
    for i = 2, #fields, 2 do
      read = read + #fields[i]
    end
    if is_wanted(fields) then
      local row, bytes = shorten(id, fields)
      found[#found + 1] = row
      sent = sent + bytes
    end
    last, seen = id, seen + 1
  end
  from = '(' .. last
  if last == oldest then
    is_end = 1
  end
  chunk = math.min(50, 2 * chunk, math.max(1, math.floor(budget * seen / math.max(1, read))))
end
return {last, seen, is_end, found}
