-- Size, state and first row of several periods.
-- KEYS   1 meta, 2 open, then a standings key a period
-- ANSWER {rev, version, closed, {total, 1 if still to be sealed, player, key} ...}, player and key empty where there is none
local answer = redis.call('HMGET', KEYS[1], 'rev', 'version', 'closed')
answer[3] = answer[3] or '0'
for n = 3, #KEYS do
  local first = redis.call('ZRANGE', KEYS[n], 0, 0, 'WITHSCORES')
  local to_seal = redis.call('ZSCORE', KEYS[2], string.sub(KEYS[n], #KEYS[1] - 3)) and 1 or 0
  answer[#answer + 1] = {redis.call('ZCARD', KEYS[n]), to_seal, first[1] or '', first[2] or ''}
end
return answer
