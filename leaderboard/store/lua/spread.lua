-- The best, the worst, and the rows next to a share of the standings counted from the best.
-- KEYS   see pages.lua
-- ARGV   1 the share, 0 to 1
-- ANSWER {stamp, best {player, key}, worst, index, rows next to the share {player, key, ...}}
--#include pages.lua
local answer = stamp()
-- One row more on either side than rounding could need: the caller computes the place exactly.
local near = math.max(0, math.floor((answer[3] - 1) * tonumber(ARGV[1])) - 1)
answer[5] = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
answer[6] = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
answer[7] = near
answer[8] = redis.call('ZRANGE', KEYS[2], near, near + 3, 'WITHSCORES')
return answer
