-- What the conservation of events is made of, at one moment; or counts entries between two ids, a bounded number
-- of them. KEYS: stream, retention, then meta of each group. ARGV: 'counters', then the groups; or 'span', first id
-- (exclusive with a parenthesis), last id, most entries; or 'begin', the only group, entries that were added before
-- its counters began. Answers {'GROUPS', name…} when there are others, {'OK', entries ever added or -1, entries,
-- newest id, trimmed, {name, last delivered id, pending, added before, acknowledged, dead, trimmed unread, handed
-- over, when a member was seen}…}; {'OK', entries, last id or ''}; or {'OK'}.
local stream, retention = KEYS[1], KEYS[2]
local verbs = {}
local budget = 16777216

function verbs.counters()
  if redis.call('EXISTS', stream) == 0 then
    return {'OK', 0, 0, '0-0', 0}
  end
  local about = pairs_of(redis.call('XINFO', 'STREAM', stream))
  local answer = {
    'OK', about['entries-added'] or -1, about.length, about['last-generated-id'],
    tonumber(redis.call('HGET', retention, 'trimmed') or 0)
  }
  local metas, names, is_known = {}, {'GROUPS'}, true
  for i = 2, #ARGV do
    metas[ARGV[i]] = KEYS[i + 1]
  end
  for _, each in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local group = pairs_of(each)
    names[#names + 1] = group.name
    if metas[group.name] then
      local kept = redis.call('HMGET', metas[group.name], '@base', '@acked', '@dead', '@trimmed', '@handed', '@seen')
      answer[#answer + 1] = {
        group.name, group['last-delivered-id'], group.pending, kept[1], kept[2], kept[3], kept[4], kept[5], kept[6]
      }
    else
      is_known = false
    end
  end
  return is_known and answer or names
end

function verbs.span(from, to, most)
  local count, last, is_end = walk(stream, from, to, tonumber(most), budget, function() end)
  return {'OK', count, is_end and '' or last}
end

function verbs.begin(_, base)
  redis.call('HSETNX', KEYS[3], '@base', base)
  return {'OK'}
end

return verbs[ARGV[1]](unpack(ARGV, 2))
