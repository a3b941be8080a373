-- How many of a part's players are ahead of some players, who may be of other parts, where these stood at some time.
-- KEYS   1 meta, then a standings key a period
-- ARGV   1 '1' where ids matter among equal keys, then three a question: the number of the standings among the keys, a
--        player's key and id
-- ANSWER {rev, then two a question: how many others have a smaller key, and how many that, or where ids matter the same
--        one and a smaller id}
--#include search.lua
local answer = {redis.call('HGET', KEYS[1], 'rev')}
for n = 2, #ARGV, 3 do
  local set, key, player = KEYS[tonumber(ARGV[n])], ARGV[n + 1], ARGV[n + 2]
  local index, below
  if ARGV[1] == '1' then
    index, below = index_of(set, key, player)
  else
    below = redis.call('ZCOUNT', set, '-inf', '(' .. key)
    index = below
  end
  local now = redis.call('ZSCORE', set, player)
  if now and tonumber(now) < tonumber(key) then index, below = index - 1, below - 1 end
  answer[#answer + 1], answer[#answer + 2] = below, index
end
return answer
