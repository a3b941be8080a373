-- How the standings are spread: the rows next to some shares of them, and how many keys lie in each of some ranges.
-- KEYS   see pages.lua
-- ARGV   1 how many shares, then the shares, 0 to 1 from the best, then two a range, as ZCOUNT takes them
-- ANSWER {stamp, best {player, key}, worst, {index, rows next to the share {player, key, ...}} a share, counts}
--#include pages.lua
local answer, near, counts = stamp(), {}, {}
for n = 1, tonumber(ARGV[1]) do
  -- As in spread.lua: the caller computes the place exactly.
  local index = math.max(0, math.floor((answer[3] - 1) * tonumber(ARGV[n + 1])) - 1)
  near[n] = {index, redis.call('ZRANGE', KEYS[2], index, index + 3, 'WITHSCORES')}
end
for n = ARGV[1] + 2, #ARGV, 2 do counts[#counts + 1] = redis.call('ZCOUNT', KEYS[2], ARGV[n], ARGV[n + 1]) end
answer[5] = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
answer[6] = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
answer[7], answer[8] = near, counts
return answer
