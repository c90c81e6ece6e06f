-- Takes or gives up an ordered stream, which one member of a group handles at a time. KEYS: stream, heartbeat,
-- lease. ARGV: group, member, epoch, 'take' or 'give', client id of the own reader or who is to have it next.
-- Answers {'FENCED'}, {'HELD', by whom} or {'OK', lease's epoch, owner before or '', its reader or ''}. A member
-- that is alive loses it by giving up alone; whether one is alive is for the heartbeat to say, never for a clock.
local _, hb, lease = unpack(KEYS)
local group, member, epoch, how, about = unpack(ARGV)
if is_fenced(hb, member, epoch) then
  return {'FENCED'}
end
local owner, heir, reader = unpack(redis.call('HMGET', lease, 'owner', 'heir', 'reader'))
local function is_other(name)
  return name and name ~= member and redis.call('HEXISTS', hb, 'e:' .. name) == 1
end
if how == 'give' then
  if owner == member then
    redis.call('HDEL', lease, 'owner', 'reader')
    if about ~= '' then
      redis.call('HSET', lease, 'heir', about)
    end
  end
  return {'OK', redis.call('HGET', lease, 'epoch') or '0', '', ''}
end
if is_other(owner) or is_other(heir) then
  return {'HELD', is_other(owner) and owner or ''}
end
if owner ~= member then
  redis.call('HINCRBY', lease, 'epoch', 1)
end
redis.call('HSET', lease, 'owner', member, 'reader', about)
redis.call('HDEL', lease, 'heir')
return {'OK', redis.call('HGET', lease, 'epoch'), owner or '', reader or ''}
