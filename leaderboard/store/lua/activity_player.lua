-- On which days a player was active.
-- KEYS   1 players; 2 what the names of active players' bitmaps begin with, see activity_mark.lua
-- ARGV   1 player, 2 how many numbers a segment has, then day ids
-- ANSWER nothing for a player who is not known, else {first day, '1' or '0' for each of the days}
--#include activity_days.lua
local entry = tonumber(redis.call('HGET', KEYS[1], ARGV[1]))
if not entry then return false end
local number, size, bits = math.floor(entry / DAYS), tonumber(ARGV[2]), {}
local segment = math.floor(number / size)
for i = 3, #ARGV do bits[i - 2] = redis.call('GETBIT', KEYS[2] .. ARGV[i] .. ':' .. segment, number % size) end
return {day_of(entry % DAYS), table.concat(bits)}
