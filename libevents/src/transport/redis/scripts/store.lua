-- Stores events, at once or to be delivered later, and each id once if asked to. KEYS: stream, ids, due times,
-- waiting entries. ARGV: how long ids are remembered in ms ('0': ids are not looked at), most ids, topic in the
-- plain layout or '', then for each event: id, delay ms, data, raw or ''. Answers {ms until the next waiting entry is due or -1, when that
-- is, then for each: offset, 1 for one that was there already}.
local stream, ids, due, waiting = unpack(KEYS)
local window, most, topic = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local now, came, later = now_ms(), 0, false

local function wait(delay, fields)
  -- Members of equal score go by their text, so its size is fixed.
  local member = string.format('%016.0f', redis.call('HINCRBY', waiting, '@n', 1))
  redis.call('HSET', waiting, member, cmsgpack.pack(fields))
  redis.call('ZADD', due, number(now + delay), member)
  return '@' .. member
end

local function fields_of(data, raw)
  local fields = {'data', data}
  if topic ~= '' then
    append(fields, {'timestamp', number(now), 'topic', topic})
  end
  if raw ~= '' then
    append(fields, {'raw', raw})
  end
  return fields
end

local answer = {-1, '0'}
for at = 4, #ARGV, 4 do
  local id, delay, fields = ARGV[at], tonumber(ARGV[at + 1]), fields_of(ARGV[at + 2], ARGV[at + 3])
  local known = known_offset(ids, id, now, window)
  local offset = known
  if not offset then
    later = later or delay > 0
    offset = delay > 0 and wait(delay, fields) or redis.call('XADD', stream, '*', unpack(fields))
    if window > 0 then
      remember_id(ids, id, offset, now)
      came = came + 1
    end
  end
  answer[#answer + 1] = offset
  answer[#answer + 1] = known and 1 or 0
end
if came > 0 then
  forget_ids(ids, came, now, window, most)
end
if later then
  local next_due = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]
  answer[1], answer[2] = math.max(0, tonumber(next_due) - now), next_due
end
return answer
