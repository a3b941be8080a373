-- A page of standings: from the start, or after the last row of the page before.
-- KEYS   see pages.lua
-- ARGV   1 ties, 2 rows, 3 '1' for metadata, then for a further page: 4 key and 5 player of the last row shown
-- ANSWER {stamp, index, rank, rows, metadata, rows with a smaller key than that last one}
--#include ranks.lua
--#include pages.lua
--#include search.lua
local start, below = 0, 0
if ARGV[4] then start, below = index_after(KEYS[2], ARGV[4], ARGV[5]) end
local answer = add_page(stamp(), ARGV[1], start, tonumber(ARGV[2]), ARGV[3])
answer[#answer + 1] = below
return answer
