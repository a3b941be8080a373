-- Where a player stands in one part of a board, or would stand, and the rows on either side.
-- KEYS   see pages.lua
-- ARGV   1 player, 2 their key; '' for a player of this part, 3 bits of the tie-breaking time, 4 rows on either side,
--        5 '1' for metadata
-- ANSWER {stamp} without the player, else
--        {stamp, key, rows with a smaller key, index, rows with a better (score, subscore), metadata of the player,
--         index of the first row, rows with a smaller key than that, rows, metadata}
--#include packed.lua
--#include pages.lua
--#include search.lua
local answer, key, side = stamp(), ARGV[2], tonumber(ARGV[4])
if key == '' then key = redis.call('ZSCORE', KEYS[2], ARGV[1]) end
if not key then return answer end
local index, below = index_of(KEYS[2], key, ARGV[1])
local better = below
if ARGV[3] ~= '0' then
  local floor_text = string.format('%.17g', floor_key(tonumber(key), tonumber(ARGV[3])))
  better = redis.call('ZCOUNT', KEYS[2], '-inf', '(' .. floor_text)
end
local own = ARGV[2] == '' and ARGV[5] == '1' and redis.call('HGET', KEYS[4], ARGV[1]) or ''
for _, part in ipairs({key, below, index, better, own}) do answer[#answer + 1] = part end

local start = math.max(0, index - side)
local rows = side > 0 and redis.call('ZRANGE', KEYS[2], start, index + side - 1, 'WITHSCORES') or {}
local below_first = #rows > 0 and redis.call('ZCOUNT', KEYS[2], '-inf', '(' .. rows[2]) or 0
for _, part in ipairs({start, below_first, rows, metadata_of(rows, ARGV[5])}) do answer[#answer + 1] = part end
return answer
