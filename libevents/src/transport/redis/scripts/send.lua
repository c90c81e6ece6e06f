-- Adds entries that come from elsewhere to a stream, once each: a key names what came before. KEYS: stream, then
-- for each entry its key. ARGV: how long a key lives in ms, then for each the entry as MessagePack. Answers for
-- each {id of the entry, 1 if it is new}.
local answer = {}
for i = 2, #KEYS do
  local known = redis.call('GET', KEYS[i])
  answer[i - 1] = {known, 0}
  if not known then
    local id = redis.call('XADD', KEYS[1], '*', unpack(cmsgpack.unpack(ARGV[i])))
    redis.call('SET', KEYS[i], id, 'PX', ARGV[1])
    answer[i - 1] = {id, 1}
  end
end
return answer
