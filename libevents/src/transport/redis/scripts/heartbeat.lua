-- One beat of one member in many groups. KEYS, five for each group: stream, heartbeat, meta, due, lease. ARGV,
-- five for each: group, member, epoch, known version, '1' for an ordered stream. Answers an array per group: {'FENCED'}, {'NOGROUP'},
-- {'ERROR', text} or {'OK', version, own pending entries, due now, ms until the next one is due or -1,
-- 1 if parked entries have no due time, {member, counter, 1 if alive…}, {stranger, pending…},
-- heartbeat hash if the version is not the known one, owner of an ordered stream or '', pending under others}.
local now = now_ms()

-- The id before this one.
local function before(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  if seq ~= '0' then
    return ms .. '-' .. number(tonumber(seq) - 1)
  end
  return ms == '0' and '0-0' or number(tonumber(ms) - 1) .. '-18446744073709551615'
end

-- What members subscribed to stands beside their counters, and may be long: it is left where it is.
local function members_of(hb)
  local members, known, alive, counters = {}, {}, {}, {}
  for _, field in ipairs(redis.call('HKEYS', hb)) do
    local kind = string.sub(field, 1, 2)
    if kind == 'e:' then
      alive[string.sub(field, 3)] = true
    elseif kind == 'c:' then
      counters[#counters + 1] = field
    end
  end
  for from = 1, #counters, 1000 do -- as many as unpack() surely takes
    local values = redis.call('HMGET', hb, unpack(counters, from, math.min(#counters, from + 999)))
    for i, value in ipairs(values) do
      local name = string.sub(counters[from + i - 1], 3)
      known[name] = true
      append(members, {name, value, alive[name] and 1 or 0})
    end
  end
  return members, known
end

local function beat(keys, group, member, epoch, version, is_ordered)
  local stream, hb, meta, due, lease = unpack(keys)
  if is_fenced(hb, member, epoch) then
    return {'FENCED'}
  end
  redis.call('HDEL', hb, '@none') -- beats go on when memory is short, else all would look dead
  redis.call('HINCRBY', hb, 'c:' .. member, 1)
  local summary = redis.pcall('XPENDING', stream, group)
  if summary.err then
    return {string.find(summary.err, 'NOGROUP') and 'NOGROUP' or 'ERROR', summary.err}
  end
  local low = summary[1] > 0 and before(summary[2]) or last_delivered(stream, group)
  if redis.call('HGET', meta, '@low') ~= low then
    redis.call('HSET', meta, '@low', low)
  end
  redis.call('HSET', meta, '@seen', number(now)) -- what holds back trimming: a group that somebody reads
  local members, known = members_of(hb)
  local own, parked, strangers, others = 0, 0, {}, 0
  for _, each in ipairs(summary[4] or {}) do
    others = others + (each[1] ~= member and tonumber(each[2]) or 0)
    if each[1] == member then
      own = tonumber(each[2])
    elseif each[1] == '@retry' then
      parked = tonumber(each[2])
    elseif not known[each[1]] and string.sub(each[1], 1, 1) ~= '@' then
      strangers[#strangers + 1] = each[1]
      strangers[#strangers + 1] = each[2]
    end
  end
  local next_due = redis.call('ZRANGEBYSCORE', due, '(' .. number(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  local current = redis.call('HGET', hb, '@v') or '0'
  return {
    'OK', current, own, redis.call('ZCOUNT', due, '-inf', number(now)),
    next_due[2] and math.max(1, tonumber(next_due[2]) - now) or -1,
    parked > redis.call('ZCARD', due) and 1 or 0,
    members, strangers, current ~= version and redis.call('HGETALL', hb) or false,
    is_ordered == '1' and redis.call('HGET', lease, 'owner') or '', others
  }
end

local answer = {}
for i = 1, #KEYS / 5 do
  local at = 5 * i - 4
  answer[i] = beat({unpack(KEYS, at, at + 4)}, unpack(ARGV, at, at + 4))
end
return answer
