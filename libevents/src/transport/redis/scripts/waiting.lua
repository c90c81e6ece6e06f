-- A page of what waits to be due, the earliest first; writes nothing. KEYS: due times, waiting entries. ARGV:
-- due time and member behind which it begins ('-inf', '' from the start), most entries. Answers {member, when
-- it is due, data, its size, …}: data longer than 64 KiB is left out.
local due, waiting = unpack(KEYS)
local after, last, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local answer, found, looked = {}, 0, 0
local rank = redis.call('ZRANK', due, last)
if rank then
  rank = rank + 1
else
  rank = after == '-inf' and 0 or redis.call('ZCOUNT', due, '-inf', '(' .. after)
end
while found < most do
  local page = redis.call('ZRANGE', due, rank + looked, rank + looked + most - 1, 'WITHSCORES')
  for i = 1, #page, 2 do
    local is_behind = page[i + 1] ~= after or page[i] > last
    if is_behind and found < most then
      local packed = redis.call('HGET', waiting, page[i])
      local fields = packed and cmsgpack.unpack(packed) or {'data', ''}
      found = found + 1
      answer[#answer + 1] = page[i]
      answer[#answer + 1] = page[i + 1]
      answer[#answer + 1] = #fields[2] <= 65536 and fields[2] or ''
      answer[#answer + 1] = #fields[2] + #(fields[4] or '')
    end
  end
  if #page == 0 then
    break
  end
  looked = looked + most
end
return answer
