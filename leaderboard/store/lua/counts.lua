-- How many keys lie in each of some ranges.
-- KEYS   see pages.lua
-- ARGV   1 '1' to count distinct keys, then two a range, as ZCOUNT takes them
-- ANSWER {stamp, counts, best {player, key}, worst}
--#include pages.lua
local answer, counts = stamp(), {}
local set = ARGV[1] == '1' and KEYS[3] or KEYS[2]
for n = 2, #ARGV, 2 do counts[#counts + 1] = redis.call('ZCOUNT', set, ARGV[n], ARGV[n + 1]) end
answer[5] = counts
answer[6] = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
answer[7] = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
return answer
