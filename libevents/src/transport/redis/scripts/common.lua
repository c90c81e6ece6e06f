-- Stands before every other script. Redis undoes nothing: all checks come before the first write, and what
-- a memory limit may refuse comes before what acknowledges.

-- Is `member` still what it believes to be? Whoever declares it dead removes its epoch. lease: of an ordered
-- stream, that only one member handles; its name has its incarnation, so no other is taken for it.
local function is_fenced(hb, member, epoch, lease)
  return redis.call('HGET', hb, 'e:' .. member) ~= epoch or
    (lease ~= nil and redis.call('HGET', lease, 'owner') ~= member)
end

-- A decision that rests on who is in the group is refused once that changed. '' checks nothing.
local function has_moved(hb, version)
  return version ~= '' and redis.call('HGET', hb, '@v') ~= version
end

local function moved(hb)
  return {'MOVED', redis.call('HGET', hb, '@v') or '0', redis.call('HGETALL', hb)}
end

local function raise_version(hb)
  if redis.call('HEXISTS', hb, '@v') == 0 then
    -- Begins at the time, so that a version of a lost hash never comes again.
    redis.call('HSET', hb, '@v', redis.call('TIME')[1] .. '000')
  end
  return redis.call('HINCRBY', hb, '@v', 1)
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function number(value)
  return string.format('%.0f', value)
end

-- Appends the second list to the first.
local function append(list, more)
  for _, each in ipairs(more) do
    list[#list + 1] = each
  end
end

-- {consumer, deliveries} of a pending entry, or nil.
local function pending(stream, group, id)
  local found = redis.pcall('XPENDING', stream, group, id, id, 1)
  if found.err or not found[1] then
    return nil
  end
  return {found[1][2], found[1][4]}
end

local function body(stream, id)
  local found = redis.call('XRANGE', stream, id, id)
  return found[1] and found[1][2]
end

-- A list of names and values, as XINFO answers, by name.
local function pairs_of(list)
  local named = {}
  for i = 1, #list, 2 do
    named[list[i]] = list[i + 1]
  end
  return named
end

local function last_delivered(stream, group)
  for _, each in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    if each[2] == group then
      return pairs_of(each)['last-delivered-id']
    end
  end
  return '0-0'
end

-- Does an entry come after another one?
local function is_behind(id, other)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  local other_ms, other_seq = string.match(other, '^(%d+)-(%d+)$')
  if ms ~= other_ms then
    return tonumber(ms) > tonumber(other_ms)
  end
  return tonumber(seq) > tonumber(other_seq)
end

-- The same of an entry that `holder` knows it has. Where nobody has it although the group was given it, somebody
-- deleted the consumer, and the list of what it held with it: then it is the holder's again.
local function held(stream, group, holder, id)
  local owner = pending(stream, group, id)
  if owner or not body(stream, id) or is_behind(id, last_delivered(stream, group)) then
    return owner
  end
  redis.call('XCLAIM', stream, group, holder, 0, id, 'FORCE', 'JUSTID')
  return {holder, 1}
end

-- What an operator put in place of an entry that stayed behind its dead letter, or nil. Only ordered streams
-- have such.
local function replaced(meta, id)
  local fields = redis.call('HGET', meta, 'f:' .. id)
  return fields and cmsgpack.unpack(fields) or nil
end

-- Gives pending entries (as XPENDING lists them) to `member`, which counts as a delivery. An entry whose
-- body was trimmed stays where it is, since claiming would drop it unseen; its body is returned as false.
local function take(stream, group, meta, member, page)
  local entries, ids = {}, {}
  for i, each in ipairs(page) do
    local id, fields = each[1], body(stream, each[1])
    entries[i] = {id, fields or false, each[4] + (fields and 1 or 0), redis.call('HGET', meta, id)}
    if fields then
      ids[#ids + 1] = id
    end
  end
  if #ids > 0 then
    redis.call('XCLAIM', stream, group, member, 0, unpack(ids))
  end
  return entries
end
