-- Removes consumers of other libraries that are gone: not registered, with nothing pending, and not heard of for
-- long. What they hold is taken over first (sweep.lua). KEYS: stream, heartbeat. ARGV: group, member, epoch,
-- idle ms, most to remove. Answers {'FENCED'} or {'OK', removed}.
local stream, hb = unpack(KEYS)
local group, member, epoch, idle, most = unpack(ARGV)
if is_fenced(hb, member, epoch) then
  return {'FENCED'}
end
local removed = 0
for _, each in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
  local about = pairs_of(each)
  local is_ours = string.sub(about.name, 1, 1) == '@' or redis.call('HEXISTS', hb, 'c:' .. about.name) == 1
  if removed < tonumber(most) and not is_ours and about.pending == 0 and about.idle >= tonumber(idle) then
    redis.call('XGROUP', 'DELCONSUMER', stream, group, about.name)
    removed = removed + 1
  end
end
return {'OK', removed}
