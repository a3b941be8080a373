-- The best of several periods.
-- KEYS   1 meta, then a standings key a period
-- ARGV   1 rows
-- ANSWER {rev, {total, {player, key, ...}} ...}
local answer = {redis.call('HGET', KEYS[1], 'rev')}
for n = 2, #KEYS do
  answer[n] = {redis.call('ZCARD', KEYS[n]), redis.call('ZRANGE', KEYS[n], 0, ARGV[1] - 1, 'WITHSCORES')}
end
return answer
