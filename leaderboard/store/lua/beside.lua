-- The best, and beside them the standings of some players.
-- KEYS   see pages.lua
-- ARGV   1 ties, 2 rows, 3 '1' for metadata of the best, then the players
-- ANSWER {stamp, index, rank, rows, metadata, keys (nil where there is none), ranks (0 where there is none)}
--#include ranks.lua
--#include pages.lua
local answer, ranks = add_page(stamp(), ARGV[1], 0, tonumber(ARGV[2]), ARGV[3]), {}
local keys = ARGV[4] and redis.call('ZMSCORE', KEYS[2], unpack(ARGV, 4)) or {}
for n, key in ipairs(keys) do
  ranks[n] = key and rank_of(ARGV[1], KEYS[2], KEYS[3], ARGV[n + 3], key) or 0
end
answer[9], answer[10] = keys, ranks
return answer
