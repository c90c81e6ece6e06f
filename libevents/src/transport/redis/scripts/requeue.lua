-- Puts a dead letter back into its stream, once. KEYS: dead letters, stream, requeued ids. ARGV: id,
-- requeue field. Answers {'OK', new id}, {'AGAIN'}, {'NONE'} or {'EMPTY'}: its body was trimmed before.
local dlq, stream, requeued = unpack(KEYS)
local id, requeue = unpack(ARGV)
local remembered = 10000
local fields = body(dlq, id)
if not fields then
  return {redis.call('ZSCORE', requeued, id) and 'AGAIN' or 'NONE'}
end
local entry, size = {stream, '*'}, 0
for i = 1, #fields, 2 do
  if fields[i] ~= 'dead' and fields[i] ~= 'requeue' then
    entry[#entry + 1] = fields[i]
    entry[#entry + 1] = fields[i + 1]
    size = size + #fields[i + 1]
  end
end
if size == 0 then
  return {'EMPTY'}
end
entry[#entry + 1] = 'requeue'
entry[#entry + 1] = requeue
local offset = redis.call('XADD', unpack(entry))
redis.call('ZADD', requeued, number(now_ms()), id)
redis.call('ZREMRANGEBYRANK', requeued, 0, -remembered - 1)
redis.call('XDEL', dlq, id)
return {'OK', offset}
