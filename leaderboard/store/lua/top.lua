-- A page of standings: from the start, or after the last row of the page before.
-- KEYS   see pages.lua
-- ARGV   1 ties, 2 rows, 3 '1' for metadata, then for a further page: 4 key and 5 player of the last row shown
-- ANSWER {stamp, index, rank, rows, metadata}
--#include ranks.lua
--#include pages.lua
--#include search.lua
local start = ARGV[4] and index_after(KEYS[2], ARGV[4], ARGV[5]) or 0
return add_page(stamp(), ARGV[1], start, tonumber(ARGV[2]), ARGV[3])
