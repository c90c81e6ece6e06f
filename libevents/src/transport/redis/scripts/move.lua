-- Moves dead letters to the archive, once each; requeueing stores the event again in the same step. KEYS: dead
-- letters, stream, archive, archived ids, index, progress of an operation. ARGV: 'requeue', 'discard' or
-- 'purge', note of the archive (JSON), head of ids as users see them, '1' for all groups, most archived,
-- longest archived ms, operation's owner or '', position of the operation, then for
-- each: id, edited data or '', edited raw. Answers {'FENCED'} or for each {'OK', new id}, {'GONE', note of the
-- archive}, {'NONE'}, {'EMPTY'}: its body was trimmed before, or {'REPLAYED'}: it failed in a replay.
local dlq, stream, archive, archived, index, progress = unpack(KEYS)
local action, note, head, all_groups, most, longest, owner, position = unpack(ARGV)
local first = 9
if is_taken_over(progress, owner) then
  return {'FENCED'}
end
local now = now_ms()
local about = cjson.decode(note)

local function requeue_field(id, record)
  local ok, letter = pcall(cjson.decode, record)
  letter = ok and type(letter) == 'table' and letter or {}
  local made = {from = head .. id, count = (tonumber(letter.requeueCount) or 0) + 1}
  if all_groups ~= '1' then
    made.group = type(letter.group) == 'string' and letter.group or nil
    local names = letter.subscriptions
    made.subscriptions = type(names) == 'table' and #names > 0 and names or nil
  end
  return encode(made)
end

-- The group of a replay is gone, or will be: nobody would ever take the copy.
local function was_replayed(record)
  local ok, letter = pcall(cjson.decode, record)
  return ok and type(letter) == 'table' and string.sub(tostring(letter.group), 1, 8) == '@replay-'
end

-- Stores the event again; nil when there is nothing to store.
local function send(event, requeue, data, raw)
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
  return redis.call('XADD', unpack(entry))
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
  if action == 'requeue' and all_groups ~= '1' and was_replayed(record) then
    return {'REPLAYED'}
  end
  if action == 'requeue' then
    copy = send(event, requeue_field(id, record), data, raw)
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
  elseif outcome[1] == 'EMPTY' or outcome[1] == 'REPLAYED' then
    counts.failed = counts.failed + 1
    note_error(progress, owner, ARGV[at], outcome[1])
  else
    counts.skipped = counts.skipped + 1
  end
  answer[#answer + 1] = outcome
end
advance(progress, owner, position, counts)
trim(#answer)
return answer
