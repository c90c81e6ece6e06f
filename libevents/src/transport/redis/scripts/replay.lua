-- Replays: entries of a stream are copied into a feed that only the replay's group reads, so that nobody else
-- notices. ARGV[1] is the verb.
-- page: KEYS stream. ARGV first id, last id, most entries, '1' if types matter. Answers {1 at the end, {{id} or, if
--   types matter, {id, 'type', type, origin prefix} or, where that takes a closer look, {id, 'event' or 'batch',
--   data}…}}.
-- feed: KEYS stream, feed, progress. ARGV owner, position if all are copied, group, replay, most entries that wait in
--   the feed, ids…. Answers {'FENCED'}, {'FULL'} or {'OK', copied, gone, position, 1 if all were}.
-- left: KEYS feed. ARGV group. Answers how many entries are not acknowledged.
-- drop: KEYS feed, due. Ends it.
local verbs = {}
local kept_ms, most_fields, most_bytes = 604800000, 7000, 4194304

local function text_of(value)
  return type(value) == 'string' and value or ''
end

-- As this library writes it, an envelope begins with its header. What looks otherwise is not decoded here: it may be
-- long, and deep.
local function header_of(data)
  local text = string.match(data, '^{"v":%d+,"header":(%b{})') or string.match(data, '^{"header":(%b{})')
  local ok, header = pcall(cjson.decode, text and #text <= 65536 and text or 'null')
  return ok and type(header) == 'table' and header or nil
end

local function row_of(id, fields)
  local data = field(fields, 'data') or ''
  local is_batch = field(fields, 'batch') == 'true'
  local header = not is_batch and header_of(data)
  if header then
    return {id, 'type', text_of(header.type), text_of(header.originPrefix)}
  end
  return {id, is_batch and 'batch' or 'event', data}
end

function verbs.page(from, to, most, has_type)
  local rows = {}
  local _, _, is_end = walk(KEYS[1], from, to, tonumber(most), most_bytes, function(id, fields)
    rows[#rows + 1] = has_type == '1' and row_of(id, fields) or {id}
  end)
  return {is_end and 1 or 0, rows}
end

-- What is acknowledged leaves the feed; gives how many stay.
local function sweep(feed, group)
  for _, each in ipairs(redis.call('EXISTS', feed) == 1 and redis.call('XINFO', 'GROUPS', feed) or {}) do
    local about = pairs_of(each)
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

-- Gives its size, or nil when it is gone.
local function copy(stream, feed, id, replay)
  local fields = body(stream, id)
  if not fields or #fields > most_fields then
    return nil
  end
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
  return size_of(fields)
end

function verbs.feed(owner, position, group, replay, most, ...)
  local stream, feed, progress = unpack(KEYS)
  local ids, bytes, is_all = {...}, 0, 1
  if is_taken_over(progress, owner) then
    return {'FENCED'}
  end
  if sweep(feed, group) >= tonumber(most) then
    return {'FULL'}
  end
  local counts = {done = 0, skipped = 0, failed = 0}
  for i, id in ipairs(ids) do
    local size = copy(stream, feed, id, replay)
    local what = size and 'done' or 'skipped'
    counts[what] = counts[what] + 1
    bytes = bytes + (size or 0)
    if bytes > most_bytes and i < #ids then
      position, is_all = id, 0
      break
    end
  end
  if redis.call('EXISTS', feed) == 1 then
    redis.call('PEXPIRE', feed, kept_ms)
  end
  advance(progress, owner, position, counts)
  return {'OK', counts.done, counts.skipped, position, is_all}
end

function verbs.left(group)
  return sweep(KEYS[1], group)
end

function verbs.drop()
  return redis.call('DEL', KEYS[1], KEYS[2])
end

return verbs[ARGV[1]](unpack(ARGV, 2))
