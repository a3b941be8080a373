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

-- From the newest on, for as long as each version has an entry and there is not too much: what is missing then is the
-- oldest, so that who comes from long ago, or says so, takes nothing from the others.
local function moves_since(since, version)
  local moves, bytes, high = {}, 0, version
  local floor, is_whole = math.max(since, version - MOST_ENTRIES), true
  while is_whole and high > floor and bytes <= MOST_BYTES do
    local low = math.max(floor, high - AT_ONCE)
    local some = redis.call('XRANGE', KEYS[4], string.format('(%.0f-0', low), string.format('%.0f-0', high))
    for n = #some, 1, -1 do
      local found, size = moves_of(some[n])
      moves[#moves + 1], moves[#moves + 2] = string.match(some[n][1], '^%d+'), found
      bytes = bytes + size
    end
    high, is_whole = low, #some == high - low
  end
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
redis.pcall('HSET', KEYS[1], 'followed', ARGV[1], 'waiting', '1') -- a store that is full can be read all the same
local rows = redis.call('ZRANGE', KEYS[2], 0, tonumber(ARGV[3]) - 1, 'WITHSCORES')
local moves = {}
if ARGV[4] ~= '' then moves = moves_since(tonumber(ARGV[4]), tonumber(meta[2])) end
local standings = {}
for n = 6, #ARGV do
  local key = redis.call('ZSCORE', KEYS[2], ARGV[n])
  standings[#standings + 1] = key or ''
  standings[#standings + 1] = key and rank_of(ARGV[2], KEYS[2], KEYS[3], ARGV[n], key) or 0
end
return {meta[1], meta[2], redis.call('ZCARD', KEYS[2]), rows, moves, standings, history()}
