-- Replays: entries of a stream are copied into a feed that only the replay's group reads, so that nobody else
-- notices. ARGV[1] is the verb.
-- page: KEYS stream. ARGV first id, last id, most entries. Answers {last id looked at or '', 1 at the end,
--   {{id, then of each event: type or '', origin prefix}…}}.
-- feed: KEYS stream, feed, progress. ARGV owner, position, group, replay, most entries that wait in the feed, ids….
--   Answers {'FENCED'}, {'FULL'} or {'OK', copied, gone}.
-- left: KEYS feed. ARGV group. Answers how many entries are not acknowledged.
-- drop: KEYS feed, due. Ends it.
local verbs = {}
local kept_ms, most_fields = 604800000, 7000

local function value_of(fields, name)
  for i = 1, #fields, 2 do
    if fields[i] == name then
      return fields[i + 1]
    end
  end
  return ''
end

-- The header stands near the beginning; the body may be large and is not decoded where that can be helped.
local function header_of(data)
  local ok, header = pcall(cjson.decode, string.match(data, '"header"%s*:%s*(%b{})') or 'null')
  if not ok or type(header) ~= 'table' then
    local whole
    ok, whole = pcall(cjson.decode, data)
    header = ok and type(whole) == 'table' and type(whole.header) == 'table' and whole.header or {}
  end
  return header
end

local function text_of(value)
  return type(value) == 'string' and value or ''
end

-- Of the events of an entry: one, or those of a batch.
local function headers_of(fields)
  local data = value_of(fields, 'data')
  local events = value_of(fields, 'batch') == 'true' and object(data).data
  if type(events) ~= 'table' then
    return {header_of(data)}
  end
  local headers = {}
  for i, each in ipairs(events) do
    headers[i] = type(each) == 'table' and type(each.header) == 'table' and each.header or {}
  end
  return headers
end

function verbs.page(from, to, most)
  local rows, last = {}, ''
  local found = redis.call('XRANGE', KEYS[1], from, to, 'COUNT', most)
  for i, each in ipairs(found) do
    rows[i] = {each[1]}
    for _, header in ipairs(headers_of(each[2])) do
      append(rows[i], {text_of(header.type), text_of(header.originPrefix)})
    end
    last = each[1]
  end
  return {last, #found < tonumber(most) and 1 or 0, rows}
end

-- What is acknowledged leaves the feed; gives how many stay.
local function sweep(feed, group)
  for _, each in ipairs(redis.call('EXISTS', feed) == 1 and redis.call('XINFO', 'GROUPS', feed) or {}) do
    local about = {}
    for i = 1, #each, 2 do
      about[each[i]] = each[i + 1]
    end
    if about.name == group then
      local lowest = about['last-delivered-id']
      if about.pending > 0 then
        redis.call('XTRIM', feed, 'MINID', redis.call('XPENDING', feed, group)[2])
      elseif lowest ~= '0-0' then
        redis.call('XTRIM', feed, 'MINID', lowest)
        redis.call('XDEL', feed, lowest)
      end
    end
  end
  return redis.call('XLEN', feed)
end

function verbs.feed(owner, position, group, replay, most, ...)
  local stream, feed, progress = unpack(KEYS)
  local ids = {...}
  if is_taken_over(progress, owner) then
    return {'FENCED'}
  end
  if sweep(feed, group) >= tonumber(most) then
    return {'FULL'}
  end
  local counts = {done = 0, skipped = 0, failed = 0}
  for _, id in ipairs(ids) do
    local fields = body(stream, id)
    if fields and #fields <= most_fields then
      local entry = {feed, '*'}
      for i = 1, #fields, 2 do
        if fields[i] ~= 'requeue' then
          entry[#entry + 1] = fields[i]
          entry[#entry + 1] = fields[i + 1]
        end
      end
      entry[#entry + 1] = 'requeue'
      entry[#entry + 1] = encode({replay = replay, offset = id})
      redis.call('XADD', unpack(entry))
      counts.done = counts.done + 1
    else
      counts.skipped = counts.skipped + 1
    end
  end
  if redis.call('EXISTS', feed) == 1 then
    redis.call('PEXPIRE', feed, kept_ms)
  end
  advance(progress, owner, position, counts)
  return {'OK', counts.done, counts.skipped}
end

function verbs.left(group)
  return sweep(KEYS[1], group)
end

function verbs.drop()
  return redis.call('DEL', KEYS[1], KEYS[2])
end

return verbs[ARGV[1]](unpack(ARGV, 2))
