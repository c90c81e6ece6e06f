-- Moves dead letters to the archive, once each; requeueing stores the event again in the same step, or for
-- another topic lays it into the outbox, from where send.lua takes it there. KEYS: dead letters, stream,
-- archive, archived ids, index, progress of an operation, outbox, notes, ids. ARGV: 'requeue', 'discard' or
-- 'purge', note of the archive (JSON), head of ids as users see them, operation's owner or '', its position,
-- options (JSON: allGroups, most and longest of the archive, maxRedrives or 0, dryRun, to, isCanary), how long
-- ids are remembered in ms ('0': they are not), most ids, then for each: id, edited data or '', edited raw.
-- Answers {'FENCED'} or for each {'OK', new id or ''}, {'DRY'}, {'LIMIT', how often it came back}, {'GONE', note
-- of the archive}, {'NONE'}, {'EMPTY'}: its body was trimmed before, or {'REPLAYED'}: it failed in a replay.
local dlq, stream, archive, archived, index, progress, outbox, notes, ids = unpack(KEYS)
local action, note, head, owner, position = unpack(ARGV)
local options = cjson.decode(ARGV[6])
local window, most_ids, first = tonumber(ARGV[7]), tonumber(ARGV[8]), 9
if is_taken_over(progress, owner) then
  return {'FENCED'}
end
local now = now_ms()
local came = 0

-- Under which id a copy is stored once: that of its event and which copy it is; nil where ids are not looked at.
local function copy_id(data, count)
  local header = window > 0 and object(data).header
  local id = type(header) == 'table' and header.id
  return type(id) == 'string' and id .. '/r' .. count or nil
end

local function requeue_field(id, letter, count)
  local made = {from = head .. id, count = count + 1, operation = object(note).operation}
  if not options.allGroups and not options.to then
    made.group = type(letter.group) == 'string' and letter.group or nil
    local names = letter.subscriptions
    made.subscriptions = type(names) == 'table' and #names > 0 and names or nil
  end
  return encode(made)
end

-- The group of a replay is gone, or will be: nobody would ever take the copy.
local function was_replayed(letter)
  return string.sub(tostring(letter.group), 1, 8) == '@replay-'
end

-- The fields of the event as they are stored again; nil when there is nothing to store.
local function copy_of(event, data, raw)
  local entry, size = {}, 0
  local function add(name, value)
    entry[#entry + 1] = name
    entry[#entry + 1] = value
    size = size + #value
  end
  for i = 1, #event, 2 do
    local is_edited = data ~= '' and (event[i] == 'data' or event[i] == 'raw')
    if event[i] == 'topic' and options.to then
      add('topic', options.to)
    elseif event[i] ~= 'requeue' and not is_edited then
      add(event[i], event[i + 1])
    end
  end
  if data ~= '' then
    add('data', data)
  end
  if raw ~= '' then
    add('raw', raw)
  end
  return size > 0 and entry or nil
end

local function gone(id)
  if redis.call('HEXISTS', outbox, id) == 1 then
    return {'GONE', '{"action":"requeued"}'}
  end
  local place = redis.call('HGET', archived, id)
  local kept = place and body(archive, place)
  return kept and {'GONE', field(kept, 'archive') or '{}'} or {'NONE'}
end

-- Stores the event again, once under its id; gives the id of the copy.
local function store(entry, once)
  local known = once and known_offset(ids, once, now, window)
  if known then
    return known
  end
  local copy = redis.call('XADD', stream, '*', unpack(entry))
  if once then
    remember_id(ids, once, copy, now)
    came = came + 1
  end
  return copy
end

-- Sends it, here or by the outbox; gives the id of the copy, '' where it is not known yet. held: what waits in its
-- old place, where it goes on.
local function send(entry, count, fields, about, held)
  if held then
    let_go(held, entry)
    about.copy = held.id
    keep(archive, archived, fields, about)
    return held.id
  end
  if options.to then
    local full = full_type(entry)
    about.to = options.to
    redis.call('HSET', outbox, about.id,
               cmsgpack.pack({options.to, full, entry, fields, encode(about), options.isCanary == true}))
    return ''
  end
  about.copy = store(entry, copy_id(field(entry, 'data'), count))
  keep(archive, archived, fields, about)
  if options.isCanary then
    note_copy(progress, about.copy)
  end
  return about.copy
end

local function move(id, data, raw)
  local fields = body(dlq, id)
  if not fields then
    return gone(id)
  end
  local event, record, mark = split_letter(fields)
  local letter = object(record)
  local count, entry = tonumber(letter.requeueCount) or 0, nil
  if action == 'requeue' then
    if not options.allGroups and not options.to and was_replayed(letter) then
      return {'REPLAYED'}
    end
    if options.maxRedrives > 0 and count >= options.maxRedrives then
      return {'LIMIT', count}
    end
    entry = copy_of(event, data, raw)
    if not entry then
      return {'EMPTY'}
    end
    entry[#entry + 1] = 'requeue'
    entry[#entry + 1] = requeue_field(id, letter, count)
  end
  if options.dryRun then
    return {'DRY'}
  end
  local held = held_entry(stream, index, record)
  local about, remark, copy = object(note), redis.call('HGET', notes, id), ''
  about.id, about.at, about.note = id, now, remark and object(remark) or nil
  if entry then
    about.action = data ~= '' and 'edited' or 'requeued'
    local stays = held and not options.allGroups and not options.to
    copy = send(entry, count + 1, fields, about, stays and held or nil)
    held = not stays and held or nil
  elseif action == 'discard' then
    about.action = 'discarded'
    keep(archive, archived, fields, about)
  end
  if held then
    let_go(held, nil)
  end
  redis.call('XDEL', dlq, id)
  index_remove(index, mark)
  if remark then
    redis.call('HDEL', notes, id)
  end
  return {'OK', copy}
end

local answer, counts = {}, {done = 0, skipped = 0, failed = 0}
for at = first, #ARGV, 3 do
  local outcome = move(ARGV[at], ARGV[at + 1], ARGV[at + 2])
  if outcome[1] == 'OK' then
    counts.done = counts.done + 1
  elseif outcome[1] == 'EMPTY' or outcome[1] == 'LIMIT' or outcome[1] == 'REPLAYED' then
    counts.failed = counts.failed + 1
    note_error(progress, owner, ARGV[at], outcome[1])
  else
    counts.skipped = counts.skipped + 1
  end
  answer[#answer + 1] = outcome
end
advance(progress, owner, position, counts)
if came > 0 then
  forget_ids(ids, came, now, window, most_ids)
end
if not options.dryRun then
  trim(archive, archived, {most = options.most, since = now - options.longest}, #answer)
end
return answer
