-- Moves dead letters to the archive, once each; requeueing stores the event again in the same step. KEYS: dead
-- letters, stream, archive, archived ids, index, progress of an operation, ids. ARGV: 'requeue', 'discard' or
-- 'purge', note of the archive (JSON), head of ids as users see them, '1' for all groups, most archived,
-- longest archived ms, operation's owner or '', position of the operation, how long ids are remembered in ms
-- ('0': they are not), most ids, then for each: id, edited data or '', edited raw. Answers {'FENCED'} or for each {'OK', new id}, {'GONE', note of the
-- archive}, {'NONE'} or {'EMPTY'}: its body was trimmed before.
local dlq, stream, archive, archived, index, progress, ids = unpack(KEYS)
local action, note, head, all_groups, most, longest, owner, position = unpack(ARGV)
local window, most_ids, first = tonumber(ARGV[9]), tonumber(ARGV[10]), 11
if is_taken_over(progress, owner) then
  return {'FENCED'}
end
local now = now_ms()
local about, came = cjson.decode(note), 0

-- Under which id a copy is stored once: that of its event and which copy it is; nil where ids are not looked at.
local function copy_id(data, count)
  if window == 0 then
    return nil
  end
  local ok, event = pcall(cjson.decode, data or '')
  local header = ok and type(event) == 'table' and event.header
  local id = type(header) == 'table' and header.id
  return type(id) == 'string' and id .. '/r' .. count or nil
end

local function requeue_field(id, record)
  local ok, letter = pcall(cjson.decode, record)
  letter = ok and type(letter) == 'table' and letter or {}
  local made = {from = head .. id, count = (tonumber(letter.requeueCount) or 0) + 1}
  if all_groups ~= '1' then
    made.group = type(letter.group) == 'string' and letter.group or nil
    local names = letter.subscriptions
    made.subscriptions = type(names) == 'table' and #names > 0 and names or nil
  end
  return encode(made), made.count
end

-- Stores the event again; nil when there is nothing to store.
local function send(event, requeue, count, data, raw)
  local once = copy_id(data ~= '' and data or field(event, 'data'), count)
  local known = once and known_offset(ids, once, now, window)
  if known then
    return known
  end
  local entry, size = {stream, '*'}, 0
  local function add(name, value)
    entry[#entry + 1] = name
    entry[#entry + 1] = value
    size = size + #value
  end
  for i = 1, #event, 2 do
    local is_edited = data ~= '' and (event[i] == 'data' or event[i] == 'raw')
    if event[i] ~= 'requeue' and not is_edited then
      add(event[i], event[i + 1])
    end
  end
  if data ~= '' then
    add('data', data)
  end
  if raw ~= '' then
    add('raw', raw)
  end
  if size == 0 then
    return nil
  end
  add('requeue', requeue)
  local offset = redis.call('XADD', unpack(entry))
  if once then
    remember_id(ids, once, offset, now)
    came = came + 1
  end
  return offset
end

local function keep(fields, id, word, copy)
  local entry = {archive, '*', unpack(fields)}
  about.id, about.at, about.action, about.copy = id, now, word, copy
  entry[#entry + 1] = 'archive'
  entry[#entry + 1] = encode(about)
  redis.call('HSET', archived, id, redis.call('XADD', unpack(entry)))
end

local function move(id, data, raw)
  local fields = body(dlq, id)
  if not fields then
    local place = redis.call('HGET', archived, id)
    local kept = place and body(archive, place)
    return kept and {'GONE', field(kept, 'archive') or '{}'} or {'NONE'}
  end
  local event, record, mark = split_letter(fields)
  local copy
  if action == 'requeue' then
    local requeue, count = requeue_field(id, record)
    copy = send(event, requeue, count, data, raw)
    if not copy then
      return {'EMPTY'}
    end
  end
  if action == 'requeue' then
    keep(fields, id, data ~= '' and 'edited' or 'requeued', copy)
  elseif action == 'discard' then
    keep(fields, id, 'discarded', nil)
  end
  redis.call('XDEL', dlq, id)
  index_remove(index, mark)
  return {'OK', copy or ''}
end

-- The archive is bounded: its oldest go, a few more than came.
local function trim(count)
  for _ = 1, count + 10 do
    local oldest = redis.call('XRANGE', archive, '-', '+', 'COUNT', 1)[1]
    local at = oldest and tonumber(string.match(oldest[1], '^%d+'))
    if not oldest or (redis.call('XLEN', archive) <= tonumber(most) and at >= now - tonumber(longest)) then
      return
    end
    local ok, kept = pcall(cjson.decode, field(oldest[2], 'archive') or 'null')
    if ok and type(kept) == 'table' and type(kept.id) == 'string' then
      redis.call('HDEL', archived, kept.id)
    end
    redis.call('XDEL', archive, oldest[1])
  end
end

local answer, counts = {}, {done = 0, skipped = 0, failed = 0}
for at = first, #ARGV, 3 do
  local outcome = move(ARGV[at], ARGV[at + 1], ARGV[at + 2])
  if outcome[1] == 'OK' then
    counts.done = counts.done + 1
  elseif outcome[1] == 'EMPTY' then
    counts.failed = counts.failed + 1
    note_error(progress, owner, ARGV[at], 'EMPTY')
  else
    counts.skipped = counts.skipped + 1
  end
  answer[#answer + 1] = outcome
end
advance(progress, owner, position, counts)
trim(#answer)
if came > 0 then
  forget_ids(ids, came, now, window, most_ids)
end
return answer
