-- One player's standing, and the rows around it.
-- KEYS   see pages.lua
-- ARGV   1 ties, 2 bits of the tie-breaking time, 3 rows around (0 for none), 4 '1' for metadata, 5 player
-- ANSWER {stamp} without the player, else
--        {stamp, key, rank, players with a better (score, subscore), metadata of the player,
--         index, rank, rows, metadata}
--#include packed.lua
--#include ranks.lua
--#include pages.lua
local answer = stamp()
local total, rows = answer[3], tonumber(ARGV[3])
local key = redis.call('ZSCORE', KEYS[2], ARGV[5])
if not key then return answer end
answer[5] = key
answer[6] = rank_of(ARGV[1], KEYS[2], KEYS[3], ARGV[5], key)
if ARGV[1] == 'shared' and ARGV[2] == '0' then
  answer[7] = answer[6] - 1
else
  answer[7] = shared_rank(KEYS[2], string.format('%.17g', floor_key(tonumber(key), tonumber(ARGV[2])))) - 1
end
answer[8] = ARGV[4] == '1' and redis.call('HGET', KEYS[4], ARGV[5]) or ''
local start = 0
if rows > 0 then
  -- Half above, half below, one more below where they are even; what one side lacks the other gives.
  local index = redis.call('ZRANK', KEYS[2], ARGV[5])
  start = math.max(0, math.min(index - math.floor((rows - 1) / 2), total - rows))
end
return add_page(answer, ARGV[1], start, rows, ARGV[4])
