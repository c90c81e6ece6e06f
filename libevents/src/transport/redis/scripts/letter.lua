-- Stands, behind common.lua, before the scripts that read or move dead letters: what a letter is made of, the
-- index of fingerprints, the progress of operations.

-- A text of at most `most` bytes that ends with a whole character.
local function cut(text, most)
  if #text <= most then
    return text
  end
  while most > 0 and string.byte(text, most + 1) >= 128 and string.byte(text, most + 1) < 192 do
    most = most - 1
  end
  return string.sub(text, 1, most)
end

-- JSON of a table; a slash stays a slash.
local function encode(value)
  return (string.gsub(cjson.encode(value), '\\/', '/'))
end

-- A JSON object of ours; what is none is an empty one.
local function object(text)
  local ok, value = pcall(cjson.decode, text or 'null')
  return ok and type(value) == 'table' and value or {}
end

-- What the index keeps of a record: its fingerprint, the mark of the letter (the fingerprint, with an r for
-- one that was requeued before) and a description; nil when the record has no fingerprint.
local function describe(record)
  local about = object(record)
  if type(about.fingerprint) ~= 'string' then
    return nil
  end
  if #about.fingerprint > 16 or not string.find(about.fingerprint, '^%x+$') then
    return nil
  end
  local failure = type(about.error) == 'table' and about.error or {}
  local message = type(failure.message) == 'string' and failure.message or ''
  local is_back = (tonumber(about.requeueCount) or 0) > 0
  return {
    fingerprint = about.fingerprint,
    at = tonumber(about.lastFailureAt) or now_ms(),
    mark = about.fingerprint .. (is_back and 'r' or ''),
    is_back = is_back,
    text = encode({
      type = about.type, group = about.group, class = failure.class, message = cut(message, 1024)
    })
  }
end

local function index_add(index, about, id)
  local fingerprint = about.fingerprint
  local known = redis.call('HMGET', index, fingerprint .. ':f', fingerprint .. ':l')
  redis.call('HINCRBY', index, fingerprint .. ':n', 1)
  if about.is_back then
    redis.call('HINCRBY', index, fingerprint .. ':r', 1)
  end
  if about.at < tonumber(known[1] or math.huge) then
    redis.call('HSET', index, fingerprint .. ':f', number(about.at))
  end
  if about.at >= tonumber(known[2] or 0) then
    redis.call('HSET', index, fingerprint .. ':l', number(about.at), fingerprint .. ':i', id,
               fingerprint .. ':d', about.text)
  end
end

-- Letters without a mark are older than the index and were never counted.
local function index_remove(index, mark)
  local fingerprint, back = string.match(mark or '', '^(%x+)(r?)$')
  if not fingerprint or redis.call('HEXISTS', index, fingerprint .. ':n') == 0 then
    return
  end
  if redis.call('HINCRBY', index, fingerprint .. ':n', -1) <= 0 then
    for _, part in ipairs({'n', 'r', 'f', 'l', 'i', 'd'}) do
      redis.call('HDEL', index, fingerprint .. ':' .. part)
    end
  elseif back == 'r' then
    redis.call('HINCRBY', index, fingerprint .. ':r', -1)
  end
end

-- Stores a dead letter: what leads it, the fields of an event, its record or '', and its mark where it has a
-- fingerprint. More fields than Lua passes on (about 8,000 arguments) become one.
local most_fields = 7000
-- Messages that somebody makes up could fill the index, which is read as a whole: what would be one kind of failure
-- too many is not counted.
local most_kinds = 5000

local function has_room(index, fingerprint)
  return redis.call('HEXISTS', index, fingerprint .. ':n') == 1 or redis.call('HLEN', index) < 5 * most_kinds
end

local function write_letter(dlq, index, head, fields, record, id)
  local entry = {dlq, id or '*'}
  if #fields > most_fields then
    fields = {'fields', cmsgpack.pack(fields)}
  end
  append(entry, head)
  append(entry, fields)
  if record ~= '' then
    append(entry, {'dead', record})
  end
  local about = describe(record)
  if about and not has_room(index, about.fingerprint) then
    about = nil
  end
  if about then
    append(entry, {'fp', about.mark})
  end
  local letter = redis.call('XADD', unpack(entry))
  if about then
    index_add(index, about, letter)
  end
  return letter
end

-- The last value of a field, as readers take it.
local function field(fields, name)
  for i = #fields - 1, 1, -2 do
    if fields[i] == name then
      return fields[i + 1]
    end
  end
  return nil
end

-- The published library's fields before those of the event.
local head_names = {'originalId', 'originalStream', 'error', 'timestamp'}

-- What leads a letter in the plain layout, whose dead letters have no hash tag; else nothing. What failed in a
-- replay is from the stream that its feed was filled from.
local function letter_head(stream, dlq, id, record)
  if string.sub(dlq, -1) == '}' then
    return {}
  end
  stream = string.match(stream, '^evs:replay:{(.*)}') or stream
  local about = object(record)
  local original = type(about.originalId) == 'string' and about.originalId or id
  local message = type(about.error) == 'table' and about.error.message
  message = type(message) == 'string' and message or ''
  return {'originalId', original, 'originalStream', stream, 'error', message, 'timestamp', number(now_ms())}
end

local function head_size(fields)
  for i, name in ipairs(head_names) do
    if fields[2 * i - 1] ~= name then
      return 0
    end
  end
  return 2 * #head_names
end

local function slice(fields, first, last)
  local part = {}
  for i = first, last do
    part[#part + 1] = fields[i]
  end
  return part
end

-- From the last field `dead` on everything is ours; a letter of the published library has none, and may have
-- been archived. Fields of the event, record or '', mark or nil, what leads.
local function split_letter(fields)
  local head, last = head_size(fields), #fields
  for i = #fields - 1, 1, -2 do
    if fields[i] == 'dead' then
      local mark = fields[i + 2] == 'fp' and fields[i + 3] or nil
      return slice(fields, head + 1, i - 1), fields[i + 1], mark, slice(fields, 1, head)
    end
  end
  if fields[last - 1] == 'archive' then
    last = last - 2
  end
  return slice(fields, head + 1, last), '', nil, slice(fields, 1, head)
end

-- Puts a letter into the archive, with what was done to it; `about` has its id.
local function keep(archive, archived, fields, about)
  local entry = {archive, '*', unpack(fields)}
  entry[#entry + 1] = 'archive'
  entry[#entry + 1] = encode(about)
  redis.call('HSET', archived, about.id, redis.call('XADD', unpack(entry)))
end

-- The archive is bounded: its oldest go, a few more than came.
local function trim(archive, archived, bounds, count)
  for _ = 1, count + 10 do
    local oldest = redis.call('XRANGE', archive, '-', '+', 'COUNT', 1)[1]
    local at = oldest and tonumber(string.match(oldest[1], '^%d+'))
    if not oldest or (redis.call('XLEN', archive) <= tonumber(bounds.most) and at >= bounds.since) then
      return
    end
    local kept = object(field(oldest[2], 'archive'))
    if type(kept.id) == 'string' then
      redis.call('HDEL', archived, kept.id)
    end
    redis.call('XDEL', archive, oldest[1])
  end
end

-- The type of an event as the registry names it; '' when it cannot be read.
local function full_type(event)
  local header = object(field(event, 'data')).header
  if type(header) ~= 'table' or type(header.type) ~= 'string' then
    return ''
  end
  local prefix = header.originPrefix
  return type(prefix) == 'string' and prefix ~= '' and prefix .. '.' .. header.type or header.type
end

-- The key of this kind beside another one of the same stream, which is evs:<kind>:<name>…
local function key_beside(key, kind, suffix)
  return 'evs:' .. kind .. ':' .. string.match(key, '^evs:[^:]+:(.*})') .. ':' .. suffix
end

-- Whoever drives an operation sees that what it sent dies again.
local function note_death(index, requeue)
  local operation = object(requeue).operation
  if type(operation) == 'string' and #operation <= 64 and string.find(operation, '^%x+$') then
    local progress = key_beside(index, 'op', operation)
    redis.call('HINCRBY', progress, 'again', 1)
    redis.call('PEXPIRE', progress, 30 * 24 * 3600 * 1000)
  end
end

-- An operation waits for the outcome of its first copies: here it finds them.
local function note_copy(progress, copy)
  local known = redis.call('HGET', progress, 'copies')
  redis.call('HSET', progress, 'copies', known and known .. ' ' .. copy or copy)
end

-- The entry of an ordered stream that stays behind its letter and holds up others, until somebody has dealt with
-- the letter; nil when this letter holds up nothing. index: another key of the same stream.
local function held_entry(stream, index, record)
  local letter = string.find(record, '"holds"', 1, true) and object(record) or {}
  local id, group = letter.originalId, letter.group
  if type(letter.holds) ~= 'string' or type(id) ~= 'string' or type(group) ~= 'string' then
    return nil
  end
  local held = {id = id, meta = key_beside(index, 'meta', group), due = key_beside(index, 'due', group),
    lease = key_beside(index, 'lease', group)}
  local state = object(redis.call('HGET', held.meta, id) or 'null')
  local owner = (state.d == 1 or state.d == 3) and pending(stream, group, id)
  held.deliveries = owner and owner[2]
  return owner and held or nil
end

-- It goes on: with these fields in its old place, or nil, and is let go by. Its member hears of it as of one that
-- is due.
local function let_go(held, fields)
  if fields then
    redis.call('HSET', held.meta, 'f:' .. held.id, cmsgpack.pack(fields))
  end
  redis.call('HSET', held.meta, held.id, encode({d = fields and 0 or 2, n = held.deliveries}))
  redis.call('ZADD', held.due, number(now_ms()), held.id)
  redis.call('HDEL', held.lease, 'b:' .. held.id)
end

-- Progress of an operation on one topic, kept beside what it moves: owner, position and counts.
local function is_taken_over(progress, owner)
  return owner ~= '' and redis.call('HGET', progress, 'owner') ~= owner
end

local function advance(progress, owner, position, counts)
  if owner == '' then
    return
  end
  redis.call('HSET', progress, 'position', position)
  for name, count in pairs(counts) do
    redis.call('HINCRBY', progress, name, count)
  end
end

-- Remembers why an entry could not be moved; the first ones tell enough.
local function note_error(progress, owner, id, why)
  if owner ~= '' and redis.call('HLEN', progress) < 30 then
    redis.call('HSET', progress, 'e:' .. id, why)
  end
end
