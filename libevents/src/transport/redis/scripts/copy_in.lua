-- Writes what another store had, each page once: how far a copy is stands beside it and is written in the same step.
-- KEYS: as copy_out.lua, then progress, index, archived ids. ARGV: what ('begin', 'entries', 'letters', 'archive',
-- 'delayed', 'end'), id of the copy, where the source goes on or '', rows as copy_out.lua answers them: for each JSON, and
-- names and values. Answers {'TAKEN'}: something is there that this copy did not bring, or {'OK', names and values of the
-- progress…}.
local stream, dlq, archive, notes, delay, delayed, retention, meta, due, lease, _, progress, index, archived =
  unpack(KEYS)
local what, copy, following = unpack(ARGV)
local at = 4
local weeks = 604800000

local function beside(key, group)
  return key .. ':' .. group
end

local function next_row()
  at = at + 1
  return cjson.decode(ARGV[at - 1])
end

local function next_fields(count)
  local fields = {}
  for i = 1, 2 * (count or 0) do
    fields[i] = ARGV[at]
    at = at + 1
  end
  return fields
end

-- An id at this time, behind the one that was made before.
local function next_id(name, ms)
  local last_ms, last_seq = string.match(redis.call('HGET', progress, name) or '0-0', '^(%d+)-(%d+)$')
  ms = math.max(1, ms, tonumber(last_ms))
  local id = number(ms) .. '-' .. number(ms == tonumber(last_ms) and tonumber(last_seq) + 1 or 0)
  redis.call('HSET', progress, name, id)
  return id
end

local function is_taken()
  local is_there = redis.call('EXISTS', dlq, archive, delay) > 0 or
    (redis.call('EXISTS', stream) == 1 and redis.call('XLEN', stream) > 0)
  return is_there and redis.call('HGET', progress, 'copy') ~= copy
end

local verbs = {}

function verbs.begin()
  local about = next_row()
  if redis.call('HSETNX', progress, 'copy', copy) == 0 then
    return
  end
  for _, each in ipairs(about.groups or {}) do
    redis.pcall('XGROUP', 'CREATE', stream, each.group, '0', 'MKSTREAM')
    redis.call('HSET', beside(meta, each.group), '@base', number(each.base), '@acked', number(each.acked), '@dead',
               number(each.dead), '@trimmed', number(each.trimmed), '@handed', number(each.handed),
               '@seen', number(now_ms()))
  end
  redis.call('HSET', retention, 'trimmed', number(about.trimmed), 'forced', number(about.forced), 'letters',
             number(about.letters))
  if about.limits then
    redis.call('HSET', retention, 'limits', about.limits)
  end
end

-- Its own letter, where an entry stays behind one, names the entry by its new id.
local function put_letter(row, fields, original)
  local record = row.dead or ''
  if original then
    record = string.gsub(record, '"originalId":"[^"]*"', '"originalId":"' .. original .. '"', 1)
  end
  local letter = write_letter(dlq, index, {}, fields, record, next_id('letter', row.at))
  if row.note then
    redis.call('HSET', notes, letter, row.note)
  end
  return letter
end

local function put_pending(row, id)
  local key = beside(meta, row.group)
  redis.call('XCLAIM', stream, row.group, '@retry', 0, id, 'RETRYCOUNT', number(row.deliveries), 'FORCE', 'JUSTID')
  if row.state then
    redis.call('HSET', key, id, row.state)
  end
  if row.fields then
    redis.call('HSET', key, 'f:' .. id, cmsgpack.pack(next_fields(row.fields)))
  end
  if row.letter then
    local letter = put_letter(row.letter, next_fields(row.letter.fields), id)
    redis.call('HSET', beside(lease, row.group), 'b:' .. id, letter)
  else
    redis.call('ZADD', beside(due, row.group), number(row.due or 0), id)
  end
end

function verbs.entries()
  while at <= #ARGV do
    local row = next_row()
    local id, fields = next_id('entry', row.at), next_fields(row.fields)
    redis.call('XADD', stream, id, unpack(row.gone and {'data', ''} or fields))
    for _, each in ipairs(row.pending or {}) do
      put_pending(each, id)
    end
    if row.gone then
      redis.call('XDEL', stream, id)
    end
    for _, group in ipairs(row.delivered or {}) do
      if redis.pcall('XGROUP', 'SETID', stream, group, id, 'ENTRIESREAD', number(row.n)).err then
        redis.call('XGROUP', 'SETID', stream, group, id)
      end
      redis.call('HSET', beside(meta, group), '@low', id)
    end
  end
end

function verbs.letters()
  while at <= #ARGV do
    local row = next_row()
    put_letter(row, next_fields(row.fields))
  end
end

function verbs.archive()
  while at <= #ARGV do
    local row = next_row()
    local fields = next_fields(row.fields)
    append(fields, {'dead', row.dead or '', 'archive', row.archive})
    local id = redis.call('XADD', archive, next_id('archived', row.at), unpack(fields))
    redis.call('HSET', archived, tostring(object(row.archive).id), id)
  end
end

function verbs.delayed()
  while at <= #ARGV do
    local row = next_row()
    local member = string.format('%016.0f', redis.call('HINCRBY', delayed, '@n', 1))
    redis.call('HSET', delayed, member, cmsgpack.pack(next_fields(row.fields)))
    redis.call('ZADD', delay, number(row.due), member)
  end
end

verbs['end'] = function()
  local about = next_row()
  if redis.call('EXISTS', stream) == 1 then
    local last = pairs_of(redis.call('XINFO', 'STREAM', stream))['last-generated-id']
    redis.pcall('XSETID', stream, last, 'ENTRIESADDED', number(about.last), 'MAXDELETEDID', '0-0')
  end
end

if is_taken() then
  return {'TAKEN'}
end
verbs[what]()
if what ~= 'begin' then
  redis.call('HSET', progress, '>' .. what, following)
end
redis.call('PEXPIRE', progress, weeks)
local answer = {'OK'}
append(answer, redis.call('HGETALL', progress))
return answer
