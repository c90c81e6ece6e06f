-- Trims a stream as far as its limits ask and its groups allow, or says why not. KEYS: stream, retention, then
-- meta of each group. ARGV: 'trim' or 'look', least ms between two trims, most entries to remove at once, how
-- long a group lives without a member (ms), how long a new stream is left whole (ms), limits of the topic as this
-- process routes it (JSON; '' none, '-' it does not know), limits otherwise (JSON), then the groups. Answers {'GROUPS', name…} when there are others,
-- {'WAIT'}, or {'DONE', removed, by force, 1 if more can go at once, entries beyond the limits, what holds
-- them: '', 'nobody', 'pending' or 'unread', group, since when (ms)[, entries, bytes, limits, floor]}.
local stream, retention = KEYS[1], KEYS[2]
local mode, interval, most, lifetime, grace, own, otherwise = unpack(ARGV)
most, lifetime = tonumber(most), tonumber(lifetime)
local now = now_ms()

-- ids as numbers: the sequence stays far below what a double holds exactly
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end

local function behind(id)
  local ms, seq = parts(id)
  if seq >= 9007199254740991 then
    return number(ms + 1) .. '-0'
  end
  return number(ms) .. '-' .. number(seq + 1)
end

-- ---- what there is ----

if redis.call('EXISTS', stream) == 0 then
  return {'DONE', 0, 0, 0, 0, '', '', 0, 0, 0, '{}', ''}
end
local about = pairs_of(redis.call('XINFO', 'STREAM', stream))
local groups, metas = {}, {}
for i = 8, #ARGV do
  metas[ARGV[i]] = KEYS[i - 5]
end
local names, is_known = {'GROUPS'}, true
for i, each in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  groups[i] = pairs_of(each)
  names[i + 1] = groups[i].name
  is_known = is_known and metas[groups[i].name] ~= nil
end
if not is_known then
  return names
end

if mode == 'trim' then
  local last = tonumber(redis.call('HGET', retention, 'at') or 0)
  if math.abs(now - last) < tonumber(interval) then
    return {'WAIT'}
  end
  if own == '' then
    redis.call('HDEL', retention, 'limits')
  elseif own ~= '-' then
    redis.call('HSET', retention, 'limits', own)
  end
end
local text = redis.call('HGET', retention, 'limits') or otherwise
local limits = cjson.decode(text)
-- Groups that read by pattern join a new stream when their members look at the topics again: what they have not
-- joined yet they cannot hold.
local function is_new()
  local found = tonumber(redis.call('HGET', retention, 'found') or 0)
  if found == 0 or found > now then
    redis.call('HSET', retention, 'found', number(now))
    found = now
  end
  return now - found < tonumber(grace)
end

if mode == 'trim' and is_new() and limits.force ~= true then
  return {'WAIT'}
end

local function limit(name)
  return tonumber(limits[name]) -- nil where it is null
end

-- ---- who holds it ----

local function is_live(group)
  local seen = tonumber(redis.call('HGET', metas[group.name], '@seen') or 0)
  local first = tonumber(redis.call('HGET', retention, 'g:' .. group.name) or 0)
  if first == 0 and mode == 'trim' then
    redis.call('HSET', retention, 'g:' .. group.name, number(now))
  end
  if first == 0 or now - math.max(seen, first) < lifetime then
    return true
  end
  -- a group of others has no beats: its consumers are asked
  for _, each in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group.name)) do
    if pairs_of(each).idle < lifetime then
      return true
    end
  end
  return false
end

local stop = behind(about['last-generated-id'])
local floor, holder, why, since = stop, '', '', 0
for _, group in ipairs(groups) do
  group.boundary = behind(group['last-delivered-id'])
  group.unread = 0
  if is_live(group) then
    local lowest, reason = group.boundary, 'unread'
    if group.pending > 0 then
      lowest, reason = redis.call('XPENDING', stream, group.name)[2], 'pending'
    end
    if is_behind(floor, lowest) then
      floor, holder, why = lowest, group.name, reason
    end
  end
end
if #groups == 0 then
  floor, why = '0-0', 'nobody'
elseif why == 'pending' then
  since = parts(floor)
elseif why == 'unread' then
  local first = redis.call('XRANGE', stream, floor, '+', 'COUNT', 1)[1]
  since = first and parts(first[1]) or 0
end

-- ---- how much is too much ----

local function beyond_count()
  local length = redis.call('XLEN', stream)
  local beyond = limit('maxMessages') and length - limit('maxMessages') or 0
  if limit('maxSize') and length > 0 then
    local bytes = redis.pcall('MEMORY', 'USAGE', stream)
    if type(bytes) == 'number' and bytes > limit('maxSize') then
      beyond = math.max(beyond, math.floor(length * (1 - limit('maxSize') / bytes)))
    end
  end
  return math.max(0, beyond)
end

local oldest_kept = limit('maxAge') and number(math.max(0, now - limit('maxAge'))) .. '-0' or '0-0'

local function is_too_old()
  local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  return first and is_behind(oldest_kept, first[1]) or false
end

-- ---- trimming ----

local removed, forced = 0, 0

-- Where the outcome of removing an entry changes: behind the floor it is by force, behind what a group was
-- given it is lost to that group. Entries between two of these are counted alike.
local function stages()
  local list = {{bound = floor, is_floor = true}}
  for _, group in ipairs(groups) do
    list[#list + 1] = {bound = group.boundary, group = group}
  end
  table.sort(list, function(a, b) return is_behind(b.bound, a.bound) end)
  list[#list + 1] = {bound = stop}
  return list
end

-- Whole nodes of the stream below a bound, never more than `count` entries, at the price of nodes.
local function remove_about(bound, count)
  return count > 0 and redis.call('XTRIM', stream, 'MINID', '~', bound, 'LIMIT', count) or 0
end

-- The few that stand in one node with what is above the bound; nil when they are too many.
local function remove_rest(bound, count)
  local few = math.min(count, 1000)
  local seen, _, is_end = walk(stream, '-', '(' .. bound, few + 1, 8388608, function() end)
  if seen > few or not is_end then
    return nil
  end
  return redis.call('XTRIM', stream, 'MINID', bound)
end

local function trim(top, count)
  local passed = {}
  local left = math.min(count, most - removed)
  for _, stage in ipairs(stages()) do
    local is_top = not is_behind(top, stage.bound)
    local bound = is_top and top or stage.bound
    local gone = remove_about(bound, left)
    if not is_top and left - gone > 0 then
      local rest = remove_rest(bound, left - gone)
      is_top = rest == nil
      gone = gone + (rest or 0)
    end
    removed, left = removed + gone, left - gone
    for _, other in ipairs(passed) do
      if other.is_floor then
        forced = forced + gone
      else
        other.group.unread = other.group.unread + gone
      end
    end
    if is_top or left <= 0 then
      return
    end
    passed[#passed + 1] = stage
  end
end

local function note()
  for _, group in ipairs(groups) do
    if group.unread > 0 then
      redis.call('HINCRBY', metas[group.name], '@trimmed', group.unread)
    end
  end
  redis.call('HINCRBY', retention, 'trimmed', removed)
  redis.call('HINCRBY', retention, 'forced', forced)
end

local more = 0
if mode == 'trim' then
  local top = limits.force == true and stop or floor
  local beyond = beyond_count()
  trim(top, beyond)
  if is_behind(top, oldest_kept) then
    top = oldest_kept
  end
  trim(top, most)
  if removed > 0 then
    note()
  end
  more = removed > most / 2 and 1 or 0
  redis.call('HSET', retention, 'at', more == 1 and '0' or number(now))
end
local beyond = beyond_count()
if beyond == 0 and is_too_old() then
  beyond = 1
end
local answer = {'DONE', removed, forced, more, beyond, why, holder, since}
if mode == 'look' then
  local bytes = redis.pcall('MEMORY', 'USAGE', stream)
  for _, each in ipairs({redis.call('XLEN', stream), type(bytes) == 'number' and bytes or -1, text, floor}) do
    answer[#answer + 1] = each
  end
end
return answer
