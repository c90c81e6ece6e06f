-- Lists what is pending under a member's name; with another name it first moves it there, as a new
-- incarnation does with the entries of its former one, and with '' as the name all that is pending, as whoever
-- takes an ordered stream does. KEYS: stream, heartbeat, due, lease of an ordered stream. ARGV: group, member,
-- epoch, name to look under, start, page size. Answers {'FENCED'} or {'OK', {id, deliveries, 1 if it is delivered
-- once more: its former owner is no member any more, and it is not parked…}, last id or ''}.
local stream, hb, due, lease = unpack(KEYS)
local group, member, epoch, from, start, page_size = unpack(ARGV)
if is_fenced(hb, member, epoch, lease) then
  return {'FENCED'}
end

-- Did somebody leave it behind who may have begun it? A member that gives an ordered stream up in good order has not.
local function is_left_behind(consumer)
  return consumer ~= member and redis.call('HEXISTS', hb, 'e:' .. consumer) == 0
end

local page = from == '' and redis.call('XPENDING', stream, group, start, '+', page_size) or
  redis.call('XPENDING', stream, group, start, '+', page_size, from)
local found, ids, now = {}, {}, now_ms()
for _, each in ipairs(page) do
  local is_others = each[2] ~= member
  local at = lease and redis.call('ZSCORE', due, each[1])
  found[#found + 1] = each[1]
  found[#found + 1] = each[4]
  found[#found + 1] = lease and is_left_behind(each[2]) and (not at or tonumber(at) <= now) and 1 or 0
  if is_others and body(stream, each[1]) then
    ids[#ids + 1] = each[1]
  end
end
if #ids > 0 then
  local command = {stream, group, member, 0, unpack(ids)}
  command[#command + 1] = 'JUSTID'
  redis.call('XCLAIM', unpack(command))
end
local is_last = #page < tonumber(page_size)
if is_last and from ~= '' and from ~= member and #redis.call('XPENDING', stream, group, '-', '+', 1, from) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', stream, group, from)
  redis.call('HDEL', hb, 'c:' .. from, 'e:' .. from, 'i:' .. from)
end
return {'OK', found, is_last and '' or page[#page][1]}
