-- Parks entries until they are due. KEYS: stream, heartbeat, meta, due, lease of an ordered stream, where they
-- stay with their member, which keeps those behind them waiting. ARGV: group, member, epoch, members'
-- version or '', then for each: id, delay ms (-1: due at once, before others), delivery count to set or -1,
-- state or ''. Answers {'FENCED'}, {'MOVED', …} or an array per entry: 1 done, 0 not pending under this
-- member, 2 its body was trimmed (it stays as it is).
local stream, hb, meta, due, lease = unpack(KEYS)
local group, member, epoch, version = unpack(ARGV)
if is_fenced(hb, member, epoch, lease) then
  return {'FENCED'}
end
if has_moved(hb, version) then
  return moved(hb)
end
local now, answer = now_ms(), {}
for at = 5, #ARGV, 4 do
  local id, delay, count, state = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  local owner = held(stream, group, member, id)
  local outcome = 0
  if owner and not body(stream, id) then
    outcome = 2
  elseif owner and owner[1] == member then
    if delay >= 0 or not lease then
      redis.call('ZADD', due, delay < 0 and 0 or number(now + delay), id)
    end
    if state ~= '' then
      redis.call('HSET', meta, id, state)
    end
    if tonumber(count) < 0 then
      count = owner[2]
    end
    if not lease then
      redis.call('XCLAIM', stream, group, '@retry', 0, id, 'RETRYCOUNT', count, 'JUSTID')
    end
    outcome = 1
  end
  answer[#answer + 1] = outcome
end
return answer
