-- The standings of many players at once.
-- KEYS   see pages.lua
-- ARGV   1 ties, 2 '1' for metadata, then the players
-- ANSWER {stamp, keys (nil where there is none), ranks (0 where there is none), metadata}
--#include ranks.lua
--#include pages.lua
local answer, ranks, metadata = stamp(), {}, {}
local keys = redis.call('ZMSCORE', KEYS[2], unpack(ARGV, 3))
for n, key in ipairs(keys) do
  ranks[n] = key and rank_of(ARGV[1], KEYS[2], KEYS[3], ARGV[n + 2], key) or 0
end
if ARGV[2] == '1' then metadata = redis.call('HMGET', KEYS[4], unpack(ARGV, 3)) end
answer[5], answer[6], answer[7] = keys, ranks, metadata
return answer
