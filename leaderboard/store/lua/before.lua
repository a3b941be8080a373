-- How many rows of one part of a board stand before each of some players, who may be of other parts.
-- KEYS   see pages.lua
-- ARGV   1 '1' where ids matter among equal keys, then two a player: their key and their id
-- ANSWER {stamp, {rows with a smaller key ...}, {rows with a smaller key, or the same one and a smaller id ...}}; where
--        ids do not matter the latter is empty
--#include pages.lua
--#include search.lua
local answer, all_below, all_before = stamp(), {}, {}
for n = 2, #ARGV, 2 do
  if ARGV[1] == '1' then
    local index, below = index_of(KEYS[2], ARGV[n], ARGV[n + 1])
    all_below[#all_below + 1], all_before[#all_before + 1] = below, index
  else
    all_below[#all_below + 1] = redis.call('ZCOUNT', KEYS[2], '-inf', '(' .. ARGV[n])
  end
end
answer[5], answer[6] = all_below, all_before
return answer
