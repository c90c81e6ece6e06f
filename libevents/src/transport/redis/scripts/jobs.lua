-- Operations on dead letters: their documents, owners and beats. KEYS: operations (fields of operation I: I
-- document, I:v its version, I:o owner, I:b beat, I:p progress; key:K the operation of an idempotency key).
-- ARGV: verb, id, then by verb. Answers {'NO'} or {'OK', …}.
local jobs = KEYS[1]
local verb, id = ARGV[1], ARGV[2]
local verbs = {}

-- document, owner, idempotency key or ''. {'NO', id} of the operation that has the key.
function verbs.create(document, owner, key)
  local known = key ~= '' and redis.call('HGET', jobs, 'key:' .. key)
  if known then
    return {'NO', known}
  end
  redis.call('HSET', jobs, id, document, id .. ':v', '1', id .. ':o', owner, id .. ':b', '1')
  if key ~= '' then
    redis.call('HSET', jobs, 'key:' .. key, id)
  end
  return {'OK', id}
end

-- version that the change is made on, document.
function verbs.write(version, document)
  if redis.call('HGET', jobs, id .. ':v') ~= version then
    return {'NO'}
  end
  redis.call('HSET', jobs, id, document)
  redis.call('HINCRBY', jobs, id .. ':v', 1)
  return {'OK'}
end

-- owner, progress. {'OK', version, document}.
function verbs.beat(owner, progress)
  if redis.call('HGET', jobs, id .. ':o') ~= owner then
    return {'NO'}
  end
  redis.call('HSET', jobs, id .. ':p', progress)
  redis.call('HINCRBY', jobs, id .. ':b', 1)
  return {'OK', redis.call('HGET', jobs, id .. ':v'), redis.call('HGET', jobs, id)}
end

-- beat as it was seen to stand still, new owner.
function verbs.claim(beat, owner)
  if redis.call('HGET', jobs, id .. ':b') ~= beat then
    return {'NO'}
  end
  redis.call('HSET', jobs, id .. ':o', owner)
  redis.call('HINCRBY', jobs, id .. ':b', 1)
  return {'OK'}
end

function verbs.forget()
  local ok, document = pcall(cjson.decode, redis.call('HGET', jobs, id) or 'null')
  if ok and type(document) == 'table' and type(document.key) == 'string' then
    redis.call('HDEL', jobs, 'key:' .. document.key)
  end
  redis.call('HDEL', jobs, id, id .. ':v', id .. ':o', id .. ':b', id .. ':p')
  return {'OK'}
end

return verbs[verb](unpack(ARGV, 3))
