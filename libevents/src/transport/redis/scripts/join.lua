-- Makes sure that a group exists on a stream and that a member is registered in it.
-- KEYS: stream, heartbeat, meta, due. ARGV: group, member, epoch, info, start (an id or '$'), '1' for a new
-- incarnation, '' to make a group that was lost anew ('had': this member had it before, 'new': it had not).
-- Answers {'FENCED'}, {'LOST'} or {'OK', 0 the group was there | 1 created | 2 created again, version,
-- heartbeat hash}.
local stream, hb, meta, due = unpack(KEYS)
local group, member, epoch, info, start, fresh, lost = unpack(ARGV)

if fresh ~= '1' and is_fenced(hb, member, epoch) then
  return {'FENCED'}
end

local found, last, added = false, nil, nil
if redis.call('EXISTS', stream) == 1 then
  for _, each in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    found = found or each[2] == group
  end
  local about = pairs_of(redis.call('XINFO', 'STREAM', stream))
  last, added = about['last-generated-id'], about['entries-added']
end

local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end

-- The low-water mark of a lost group counts only while the stream has not begun anew behind it.
local function usable(low)
  if not low or not last then
    return false
  end
  local low_ms, low_seq = parts(low)
  local last_ms, last_seq = parts(last)
  return last_ms > low_ms or (last_ms == low_ms and last_seq >= low_seq)
end

if not found and (lost == 'had' or (lost == 'new' and redis.call('HEXISTS', meta, '@low') == 1)) then
  return {'LOST'}
end

local created = 0
if not found then
  local low = redis.call('HGET', meta, '@low')
  created = low and 2 or 1
  local from = usable(low) and low or (low and '0') or start
  redis.call('XGROUP', 'CREATE', stream, group, from, 'MKSTREAM')
  redis.call('DEL', meta, due)
  if from ~= '$' and from ~= '0' then
    redis.call('HSET', meta, '@low', from)
  elseif added or not last then -- how many were added that this group never gets; Redis 6 does not tell
    redis.call('HSET', meta, '@base', number((added or 0) - (from == '0' and redis.call('XLEN', stream) or 0)))
  end
end

local is_new = redis.call('HGET', hb, 'e:' .. member) ~= epoch or redis.call('HGET', hb, 'i:' .. member) ~= info
redis.call('HDEL', hb, '@none') -- a script that has written is not stopped by the memory limit any more
redis.call('HSET', hb, 'e:' .. member, epoch, 'i:' .. member, info)
redis.call('HSETNX', hb, 'c:' .. member, '0')
redis.call('HSET', meta, '@seen', number(now_ms()))
if is_new then
  raise_version(hb)
end
if string.sub(stream, 1, 11) == 'evs:replay:' then -- feeds and what is beside them end by themselves
  for _, key in ipairs(KEYS) do
    redis.call('PEXPIRE', key, 604800000)
  end
end
return {'OK', created, redis.call('HGET', hb, '@v'), redis.call('HGETALL', hb)}
