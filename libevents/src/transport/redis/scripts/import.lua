-- Adds a dead letter that was exported, once. KEYS: dead letters, index, notes, key that tells that it came.
-- ARGV: how long that key lives in ms, fields of the event as MessagePack, record, note or ''. Answers {id of the
-- letter, 1 if it is new}.
local dlq, index, notes, sent = unpack(KEYS)
local known = redis.call('GET', sent)
if known then
  return {known, 0}
end
local letter = write_letter(dlq, index, {}, cmsgpack.unpack(ARGV[2]), ARGV[3])
redis.call('SET', sent, letter, 'PX', ARGV[1])
if ARGV[4] ~= '' then
  redis.call('HSET', notes, letter, ARGV[4])
end
return {letter, 1}
