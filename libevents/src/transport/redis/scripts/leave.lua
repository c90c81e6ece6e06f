-- Takes a member out of a group, after handing back what is still pending under its name.
-- KEYS: stream, heartbeat, meta, due, lease of an ordered stream. ARGV: group, member, epoch. Answers {'FENCED'}, {'MORE', n} or
-- {'DONE', n}: n entries were handed back.
local stream, hb, _, due, lease = unpack(KEYS)
local group, member, epoch = unpack(ARGV)
local page_size = 500
if is_fenced(hb, member, epoch) then
  return {'FENCED'}
end
local page = redis.pcall('XPENDING', stream, group, '-', '+', page_size, member)
if page.err then
  page = {}
end
redis.call('HDEL', hb, 'i:' .. member)
local kept = 0
for _, each in ipairs(page) do
  if body(stream, each[1]) then
    -- What an ordered stream has parked there keeps its time, and was delivered.
    local is_new = redis.call('ZADD', due, 'NX', 0, each[1]) == 1
    redis.call('XCLAIM', stream, group, '@retry', 0, each[1], 'RETRYCOUNT',
               math.max(0, is_new and each[4] - 1 or each[4]), 'JUSTID')
  else
    kept = kept + 1
  end
end
if #page == page_size and kept == 0 then
  return {'MORE', #page}
end
if lease and redis.call('HGET', lease, 'owner') == member then
  redis.call('HDEL', lease, 'owner', 'reader')
end
-- A member without an epoch that still has entries is finished off by the others, as a dead one.
redis.call('HDEL', hb, 'e:' .. member)
if kept == 0 then
  redis.pcall('XGROUP', 'DELCONSUMER', stream, group, member)
  redis.call('HDEL', hb, 'c:' .. member)
end
raise_version(hb)
return {'DONE', #page - kept}
