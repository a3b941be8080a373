-- Some rows of standings that are being copied, if they are still those that the copy began with.
-- KEYS   1 closing, 2 standings, 3 dense, 4 metadata
-- ARGV   1 period id, 2 token, 3 first index, 4 rows, 5 ties, 6 '1' for metadata
-- ANSWER {} where they have changed, else {rank of the first, rows {player, key, ...}, metadata}
--#include ranks.lua
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return {} end
local start = tonumber(ARGV[3])
local rows, rank, metadata = redis.call('ZRANGE', KEYS[2], start, start + ARGV[4] - 1, 'WITHSCORES'), 0, {}
if #rows > 0 then rank = rank_of(ARGV[5], KEYS[2], KEYS[3], rows[1], rows[2]) end
if ARGV[6] == '1' then
  for first = 1, #rows, 2000 do -- unpack has its limit
    local players = {}
    for n = first, math.min(first + 1998, #rows - 1), 2 do players[#players + 1] = rows[n] end
    for n, text in ipairs(redis.call('HMGET', KEYS[4], unpack(players))) do
      metadata[(first - 1) / 2 + n] = text or ''
    end
  end
end
return {rank, rows, metadata}
