-- The top of a period as those who follow it see it, at one moment, and what moved since some versions. Says besides that
-- the board is followed, and that somebody waits for its next change.
-- KEYS   1 meta, 2 standings, 3 dense, 4 feed
-- ARGV   1 until when it is followed, Unix milliseconds, 2 ties, 3 rows, 4 a version, or '' where nobody asks what moved,
--        5 period id, then players whose standings are wanted
-- ANSWER {rev, version, total, {player, key, ...}, {version of an entry, its moves in that period, '' or 'many', ...} since
--        that version, {key, rank, ...} of the players: '' and 0 where they have none}
--#include ranks.lua
local function moves_of(entry)
  local fields = entry[2]
  for n = 1, #fields, 2 do
    if fields[n] == ARGV[5] then return fields[n + 1] end
    if fields[n] == 'many' then return 'many' end
  end
  return ''
end

local meta = redis.call('HMGET', KEYS[1], 'rev', 'version')
if not meta[1] then return {'', '0', 0, {}, {}, {}} end
redis.call('HSET', KEYS[1], 'followed', ARGV[1], 'waiting', '1')
local rows = redis.call('ZRANGE', KEYS[2], 0, tonumber(ARGV[3]) - 1, 'WITHSCORES')
local moves = {}
if ARGV[4] ~= '' and ARGV[4] ~= meta[2] then
  for _, entry in ipairs(redis.call('XRANGE', KEYS[4], '(' .. ARGV[4] .. '-0', '+')) do
    moves[#moves + 1], moves[#moves + 2] = string.match(entry[1], '^%d+'), moves_of(entry)
  end
end
local standings = {}
for n = 6, #ARGV do
  local key = redis.call('ZSCORE', KEYS[2], ARGV[n])
  standings[#standings + 1] = key or ''
  standings[#standings + 1] = key and rank_of(ARGV[2], KEYS[2], KEYS[3], ARGV[n], key) or 0
end
return {meta[1], meta[2], redis.call('ZCARD', KEYS[2]), rows, moves, standings}
