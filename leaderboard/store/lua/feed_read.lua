-- The top of a period as those who follow it see it, at one moment, and what moved since some versions. Says besides that
-- the board is followed, and that somebody waits for its next change.
-- KEYS   1 meta, 2 standings, 3 dense, 4 feed
-- ARGV   1 until when it is followed, Unix milliseconds, 2 ties, 3 rows, 4 a version, or '' where nobody asks what moved,
--        5 period id, then players whose standings are wanted
-- ANSWER {rev, version, total, {player, key, ...}, {version of an entry, its moves in that period, '' or 'many', ...} since
--        that version, the newest first and no more than fits, {key, rank, ...} of the players: '' and 0 where they have
--        none, the history that versions are of, '' where the store does not tell}
--#include ranks.lua
local MOST_ENTRIES, MOST_BYTES, AT_ONCE = 1000, 2 ^ 20, 16

-- The moves of an entry in the period, and the bytes of all of it.
local function moves_of(entry)
  local fields, found, bytes = entry[2], '', 0
  for n = 1, #fields, 2 do
    if fields[n] == ARGV[5] or fields[n] == 'many' then found = fields[n] == 'many' and 'many' or fields[n + 1] end
    bytes = bytes + #fields[n + 1]
  end
  return found, bytes
end

-- Whoever comes from long ago, or says so, must not make this long: then the oldest are missing.
local function moves_since(version)
  local moves, bytes, last, some = {}, 0, '+', nil
  repeat
    some = redis.call('XREVRANGE', KEYS[4], last, '(' .. version .. '-0', 'COUNT', AT_ONCE)
    for _, entry in ipairs(some) do
      local found, size = moves_of(entry)
      moves[#moves + 1], moves[#moves + 2] = string.match(entry[1], '^%d+'), found
      bytes, last = bytes + size, '(' .. entry[1]
    end
  until #some < AT_ONCE or #moves >= 2 * MOST_ENTRIES or bytes > MOST_BYTES
  return moves
end

-- A store that comes back without its last writes, or a replica that takes over, gives the same versions to other changes.
-- It has another history then.
local function history()
  local told = redis.pcall('INFO', 'replication')
  return type(told) == 'string' and string.match(told, 'master_replid:(%w+)') or ''
end

local meta = redis.call('HMGET', KEYS[1], 'rev', 'version')
if not meta[1] then return {'', '0', 0, {}, {}, {}, ''} end
redis.call('HSET', KEYS[1], 'followed', ARGV[1], 'waiting', '1')
local rows = redis.call('ZRANGE', KEYS[2], 0, tonumber(ARGV[3]) - 1, 'WITHSCORES')
local moves = {}
if ARGV[4] ~= '' and ARGV[4] ~= meta[2] then moves = moves_since(ARGV[4]) end
local standings = {}
for n = 6, #ARGV do
  local key = redis.call('ZSCORE', KEYS[2], ARGV[n])
  standings[#standings + 1] = key or ''
  standings[#standings + 1] = key and rank_of(ARGV[2], KEYS[2], KEYS[3], ARGV[n], key) or 0
end
return {meta[1], meta[2], redis.call('ZCARD', KEYS[2]), rows, moves, standings, history()}
