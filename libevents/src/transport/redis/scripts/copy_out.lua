-- Reads what another store is to be given; writes nothing. KEYS: stream, dead letters, archive, notes, due times and
-- entries of what is delayed, retention, then what meta, due times of parked entries, lease and heartbeat of a group
-- begin with. ARGV: 'look'; or 'entries', 'letters', 'archive' or 'delayed', where to go on or '', most rows. Answers JSON;
-- or {where to go on or '', {row, names and values…}…}, a row being JSON whose members `fields` say how many names and
-- values follow for them, in their order.
local stream, dlq, archive, notes, delay, delayed, retention, meta, due, lease, hb = unpack(KEYS)
local budget = 1048576
local rows, bytes = {}, 0

local function beside(key, group)
  return key .. ':' .. group
end

local function groups()
  local list = {}
  for i, each in ipairs(redis.call('EXISTS', stream) == 1 and redis.call('XINFO', 'GROUPS', stream) or {}) do
    list[i] = pairs_of(each)
  end
  return list
end

local function put(row, parts)
  for _, each in ipairs(parts) do
    bytes = bytes + #each
  end
  local made = {encode(row)}
  append(made, parts)
  rows[#rows + 1] = made
end

local function ms_of(id)
  return tonumber(string.match(id, '^%d+'))
end

-- ---- what there is ----

local function first_id()
  local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  return first and first[1]
end

-- Pending, and without a body: they need places before the first entry.
local function count_gone(group, first)
  local to = first and '(' .. first or '+'
  return #redis.call('XPENDING', stream, group, '-', to, 100000)
end

local function count_members(group)
  local count = 0
  for _, field in ipairs(redis.call('HKEYS', beside(hb, group))) do
    count = count + (string.sub(field, 1, 2) == 'e:' and 1 or 0)
  end
  return count
end

local verbs = {}

function verbs.look()
  local kept = redis.call('HMGET', retention, 'trimmed', 'forced', 'letters', 'limits')
  local answer = {
    members = 0, first = 1, last = 0, trimmed = tonumber(kept[1] or 0), forced = tonumber(kept[2] or 0),
    letters = tonumber(kept[3] or 0), limits = kept[4] or nil
  }
  if redis.call('EXISTS', stream) == 0 then
    return encode(answer)
  end
  local about, first = pairs_of(redis.call('XINFO', 'STREAM', stream)), first_id()
  local before = (about['entries-added'] or about.length) - about.length
  local front, list = before, {}
  for i, group in ipairs(groups()) do
    front = math.max(front, count_gone(group.name, first))
    answer.members = answer.members + count_members(group.name)
    local counts = redis.call('HMGET', beside(meta, group.name), '@base', '@acked', '@dead', '@trimmed', '@handed')
    list[i] = {
      group = group.name, base = tonumber(counts[1] or before), acked = tonumber(counts[2] or 0),
      dead = tonumber(counts[3] or 0), trimmed = tonumber(counts[4] or 0), handed = tonumber(counts[5] or 0)
    }
  end
  for _, each in ipairs(list) do
    each.base = each.base + front - before
  end
  answer.first, answer.last = front + 1, front + about.length
  answer.groups = list[1] and list or nil
  return encode(answer)
end

-- ---- entries, with what is pending of them ----

local function letter_row(id, parts)
  local fields = body(dlq, id)
  if not fields then
    return nil
  end
  local event, record = split_letter(fields)
  append(parts, event)
  return {at = ms_of(id), fields = #event / 2, dead = record, note = redis.call('HGET', notes, id) or nil}
end

local function pending_row(group, id, deliveries, parts)
  local state = redis.call('HGET', beside(meta, group), id)
  local row = {
    group = group, deliveries = deliveries, state = state or nil,
    due = tonumber(redis.call('ZSCORE', beside(due, group), id) or 0)
  }
  local fields = replaced(beside(meta, group), id)
  if fields then
    row.fields = #fields / 2
    append(parts, fields)
  end
  local letter = redis.call('HGET', beside(lease, group), 'b:' .. id)
  row.letter = letter and letter_row(letter, parts) or nil
  return row
end

-- Pending entries of all groups between two ids, by id, and the ids in turn.
local function pending_between(list, from, to, most)
  local found, ids = {}, {}
  for _, group in ipairs(list) do
    for _, each in ipairs(redis.call('XPENDING', stream, group.name, from, to, most)) do
      if not found[each[1]] then
        found[each[1]] = {}
        ids[#ids + 1] = each[1]
      end
      table.insert(found[each[1]], {group.name, each[4]})
    end
  end
  return found, ids
end

local function add_pending(row, list, id, parts)
  for _, each in ipairs(list or {}) do
    row.pending = row.pending or {}
    table.insert(row.pending, pending_row(each[1], id, each[2], parts))
  end
end

local function add_delivered(row, list, id, following)
  for _, group in ipairs(list) do
    local last = group['last-delivered-id']
    if not is_behind(id, last) and (not following or is_behind(following, last)) then
      row.delivered = row.delivered or {}
      table.insert(row.delivered, group.name)
    end
  end
end

-- No more than the budget, and at least one.
local function cut_page(page)
  local size, kept = 0, {}
  for i, each in ipairs(page) do
    if size > budget then
      kept.is_cut = true
      break
    end
    kept[i] = each
    for _, value in ipairs(each[2]) do
      size = size + #value
    end
  end
  return kept
end

-- Goes on behind '<id> <number>'.
function verbs.entries(after, most)
  local id, n = string.match(after, '^(%S+) (%d+)$')
  local list, page = groups(), redis.call('XRANGE', stream, id and '(' .. id or '-', '+', 'COUNT', most)
  n = tonumber(n or cjson.decode(verbs.look()).first - 1)
  if not page[1] and id then
    return ''
  end
  local is_end = #page < tonumber(most)
  page = cut_page(page)
  is_end = is_end and not page.is_cut
  local last = page[#page] and page[#page][1]
  local found, ids = pending_between(list, id and '(' .. id or '-', is_end and '+' or last, 100000)
  local bodies = {}
  for _, each in ipairs(page) do
    bodies[each[1]] = true
  end
  for _, each in ipairs(ids) do
    if not bodies[each] then
      local row, parts = {n = 0, at = ms_of(each), gone = true, fields = 0}, {}
      add_pending(row, found[each], each, parts)
      put(row, parts)
    end
  end
  for i, each in ipairs(page) do
    n = n + 1
    local row, parts = {n = n, at = ms_of(each[1]), fields = #each[2] / 2}, {}
    append(parts, each[2])
    add_pending(row, found[each[1]], each[1], parts)
    add_delivered(row, list, each[1], page[i + 1] and page[i + 1][1])
    put(row, parts)
  end
  return last and last .. ' ' .. number(n) or ''
end

-- ---- dead letters, archive, delayed ----

-- Calls visit(id, fields) for a page; gives the last id, or '' at the end.
local function pages(key, after, most, visit)
  local page = redis.call('XRANGE', key, after == '' and '-' or '(' .. after, '+', 'COUNT', most)
  local last = ''
  for _, each in ipairs(page) do
    visit(each[1], each[2])
    last = each[1]
    if bytes > budget then
      return last
    end
  end
  return #page == tonumber(most) and last or ''
end

function verbs.letters(after, most)
  local held = {}
  for _, group in ipairs(groups()) do
    local fields = redis.call('HGETALL', beside(lease, group.name))
    for i = 1, #fields, 2 do
      held[string.sub(fields[i], 1, 2) == 'b:' and fields[i + 1] or ''] = true
    end
  end
  return pages(dlq, after, most, function(id)
    local parts = {}
    local row = not held[id] and letter_row(id, parts)
    if row then
      put(row, parts)
    end
  end)
end

function verbs.archive(after, most)
  return pages(archive, after, most, function(id, fields)
    local event, record = split_letter(fields)
    put({at = ms_of(id), fields = #event / 2, dead = record, archive = field(fields, 'archive') or '{}'}, event)
  end)
end

-- Goes on at a rank.
function verbs.delayed(after, most)
  local from = tonumber(after) or 0
  local page = redis.call('ZRANGE', delay, from, from + most - 1, 'WITHSCORES')
  for i = 1, #page, 2 do
    local packed = redis.call('HGET', delayed, page[i])
    local fields = packed and cmsgpack.unpack(packed)
    if fields then
      put({due = tonumber(page[i + 1]), fields = #fields / 2}, fields)
    end
  end
  return #page == 2 * tonumber(most) and number(from + most) or ''
end

if ARGV[1] == 'look' then
  return verbs.look()
end
local following = verbs[ARGV[1]](ARGV[2], ARGV[3])
return {following, rows}
