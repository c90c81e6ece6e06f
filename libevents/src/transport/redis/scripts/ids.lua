-- Stands, behind common.lua, before the scripts that store each id of an event once. A hash remembers them for
-- a while: i:<id> its number, when it came and its offset; n:<number> the id; @first and @last numbers.

-- The offset that an id got within the window, or nil.
local function known_offset(ids, id, now, window)
  local value = window > 0 and redis.call('HGET', ids, 'i:' .. id)
  if not value then
    return nil
  end
  local at, offset = string.match(value, '^%d+ (%d+) (.+)$')
  return at and now - tonumber(at) < window and offset or nil
end

local function remember_id(ids, id, offset, now)
  local count = number(redis.call('HINCRBY', ids, '@last', 1))
  redis.call('HSET', ids, 'n:' .. count, id, 'i:' .. id, count .. ' ' .. number(now) .. ' ' .. offset)
end

-- Forgets the oldest: a few more than came, so that it never takes long and always keeps up.
local function forget_ids(ids, came, now, window, most)
  local bounds = redis.call('HMGET', ids, '@first', '@last')
  local first, last = tonumber(bounds[1] or 1), tonumber(bounds[2] or 0)
  for _ = 1, came + 10 do
    local id = first <= last and redis.call('HGET', ids, 'n:' .. number(first))
    local value = id and redis.call('HGET', ids, 'i:' .. id)
    local count, at = string.match(value or '', '^(%d+) (%d+) ')
    local is_old = last - first >= most or not at or now - tonumber(at) >= window
    if not id or not is_old then
      break
    end
    redis.call('HDEL', ids, 'n:' .. number(first))
    if count == number(first) then
      redis.call('HDEL', ids, 'i:' .. id)
    end
    first = first + 1
  end
  redis.call('HSET', ids, '@first', number(first))
  redis.call('PEXPIRE', ids, number(window))
end
