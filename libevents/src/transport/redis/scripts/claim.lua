-- Takes over entries of a member whose counter stands still. KEYS: stream, heartbeat, meta. ARGV: group,
-- member, epoch, dead member, its counter as seen, most entries. Answers {'FENCED'}, {'ALIVE'},
-- {'GONE'} or {'DONE' | 'MORE', entries}.
local stream, hb, meta = unpack(KEYS)
local group, member, epoch, dead, seen, most = unpack(ARGV)
if is_fenced(hb, member, epoch) then
  return {'FENCED'}
end
local counter = redis.call('HGET', hb, 'c:' .. dead)
if not counter then
  return {'GONE'}
end
if redis.call('HEXISTS', hb, 'e:' .. dead) == 1 then
  if counter ~= seen then
    return {'ALIVE'}
  end
  redis.call('HDEL', hb, 'e:' .. dead, 'i:' .. dead) -- from here on it is refused everywhere
  raise_version(hb)
end
local page = redis.call('XPENDING', stream, group, '-', '+', math.max(1, tonumber(most)), dead)
if #page == 0 then
  redis.call('XGROUP', 'DELCONSUMER', stream, group, dead)
  redis.call('HDEL', hb, 'c:' .. dead)
  return {'DONE', {}}
end
if tonumber(most) == 0 then
  return {'MORE', {}}
end
return {'MORE', take(stream, group, meta, member, page)}
