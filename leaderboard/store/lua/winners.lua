-- Size and first row of several periods.
-- KEYS   1 meta, then a standings key a period
-- ANSWER {rev, version, {total, player, key} ...}, player and key empty where there is none
local answer = redis.call('HMGET', KEYS[1], 'rev', 'version')
for n = 2, #KEYS do
  local first = redis.call('ZRANGE', KEYS[n], 0, 0, 'WITHSCORES')
  answer[#answer + 1] = {redis.call('ZCARD', KEYS[n]), first[1] or '', first[2] or ''}
end
return answer
