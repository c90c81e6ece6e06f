-- Adds types of a topic to the registry. KEYS: registry. ARGV: identity for a new registry, topic,
-- partitions, layout, order or '', what a dead letter means there, types…. Whoever names an order first decides.
-- Answers {identity, partitions, 1 if something was added, order or ''}.
local most = 1000
local stored = redis.call('HGET', KEYS[1], ARGV[2])
local ok, topic = pcall(cjson.decode, stored or 'null')
if not ok or type(topic) ~= 'table' or type(topic.types) ~= 'table' then
  topic = {partitions = tonumber(ARGV[3]), layout = ARGV[4], types = {}}
end
local known, changed = {}, not stored
for _, each in ipairs(topic.types) do
  known[each] = true
end
if ARGV[5] ~= '' and type(topic.ordering) ~= 'string' then
  topic.ordering, topic.onDeadLetter = ARGV[5], ARGV[6]
  changed = true
end
for i = 7, #ARGV do
  if not known['*'] and not known[ARGV[i]] then
    local name = #topic.types >= most and '*' or ARGV[i]
    topic.types[#topic.types + 1] = name
    known[name] = true
    changed = true
  end
end
if changed then
  redis.call('HSETNX', KEYS[1], '@id', ARGV[1])
  redis.call('HSET', KEYS[1], ARGV[2], cjson.encode(topic))
  redis.call('HINCRBY', KEYS[1], '@version', 1)
end
return {redis.call('HGET', KEYS[1], '@id') or '', topic.partitions or 0, changed and 1 or 0, topic.ordering or ''}
