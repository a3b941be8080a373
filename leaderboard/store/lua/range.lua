-- The standings within a range of keys, best first.
-- KEYS   see pages.lua
-- ARGV   1 ties, 2 rows, 3 '1' for metadata, 4 first key, 5 last key (both included)
-- ANSWER {stamp, index, rank, rows, metadata, entries in the range}
--#include ranks.lua
--#include pages.lua
local answer = stamp()
local start = redis.call('ZCOUNT', KEYS[2], '-inf', '(' .. ARGV[4])
local inside = redis.call('ZCOUNT', KEYS[2], ARGV[4], ARGV[5])
add_page(answer, ARGV[1], start, math.min(tonumber(ARGV[2]), inside), ARGV[3])
answer[#answer + 1] = inside
return answer
