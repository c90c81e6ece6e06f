-- Settles an entry that holds several events: writes dead letters of single ones, then does with the entry as
-- a whole what is done with those that go on. KEYS: stream, heartbeat, meta, due, dead letters, index, lease of
-- an ordered stream, where it stays with its member. ARGV:
-- group, member, epoch, members' version or '', id, 'ack', 'park' or 'hand', delay ms (-1: due at once, before
-- others), delivery count to set or -1, state or '', target, then for each letter: data, record. Answers
-- {'FENCED'}, {'MOVED', …} or an array of one: 1 done, 0 not pending under this member, 2 its body was trimmed
-- and it would go on (it stays as it is).
local stream, hb, meta, due, dlq, index, lease = unpack(KEYS)
local group, member, epoch, version, id, how, delay, count, state, target = unpack(ARGV, 1, 10)
if is_fenced(hb, member, epoch, lease) then
  return {'FENCED'}
end
if has_moved(hb, version) or (how == 'hand' and redis.call('HEXISTS', hb, 'e:' .. target) == 0) then
  return moved(hb)
end
local owner, fields = held(stream, group, member, id), body(stream, id)
if not owner or owner[1] ~= member then
  return {0}
end
if not fields and how ~= 'ack' then
  return {2}
end

-- What stands beside the events of the entry stands beside each of them.
local beside = {}
for i = 1, #(fields or {}), 2 do
  local name = fields[i]
  if name ~= 'data' and name ~= 'batch' and name ~= 'count' then
    beside[#beside + 1] = name
    beside[#beside + 1] = fields[i + 1]
  end
end
for at = 11, #ARGV, 2 do
  local event, record = {'data', ARGV[at]}, ARGV[at + 1]
  append(event, beside)
  write_letter(dlq, index, letter_head(stream, dlq, id, record), event, record)
  note_death(index, field(beside, 'requeue'))
end

if how ~= 'ack' and state ~= '' then
  redis.call('HSET', meta, id, state)
end
if how == 'park' then
  delay = tonumber(delay)
  if delay >= 0 or not lease then
    redis.call('ZADD', due, delay < 0 and 0 or number(now_ms() + delay), id)
  end
  if tonumber(count) < 0 then
    count = owner[2]
  end
  if not lease then
    redis.call('XCLAIM', stream, group, '@retry', 0, id, 'RETRYCOUNT', count, 'JUSTID')
  end
elseif how == 'hand' then
  redis.call('XCLAIM', stream, group, target, 0, id, 'JUSTID')
  redis.call('HINCRBY', meta, '@handed', 1)
else
  -- Entries are counted, not events: this one is through, whatever became of its events.
  redis.call('HINCRBY', meta, '@acked', redis.call('XACK', stream, group, id))
  redis.call('HDEL', meta, id)
  redis.call('ZREM', due, id)
end
return {1}
