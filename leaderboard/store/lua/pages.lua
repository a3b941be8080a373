-- What all reads share. Their answers begin with the stamp: the board's rev, its version, the total of the period,
-- and {closed (see store/keys.py), 1 if the period is still to be sealed, live windows}.
-- KEYS   1 meta, 2 standings, 3 dense, 4 metadata, 5 open

local function stamp()
  local meta = redis.call('HMGET', KEYS[1], 'rev', 'version', 'closed', 'windows')
  local id = string.sub(KEYS[2], #KEYS[1] - 3) -- the keys differ in what follows the board's prefix
  local state = {meta[3] or '0', redis.call('ZSCORE', KEYS[5], id) and 1 or 0, meta[4] or ''}
  return {meta[1], meta[2], redis.call('ZCARD', KEYS[2]), state}
end

local function metadata_of(rows, wanted)
  if wanted ~= '1' or #rows == 0 then return {} end
  local players = {}
  for n = 1, #rows, 2 do players[#players + 1] = rows[n] end
  return redis.call('HMGET', KEYS[4], unpack(players))
end

-- Puts onto the answer: index of the first row, its rank, {player, key, ...}, {metadata, ...} (empty unless asked for).
local function add_page(answer, ties, start, count, with_metadata)
  local rows = count > 0 and redis.call('ZRANGE', KEYS[2], start, start + count - 1, 'WITHSCORES') or {}
  local rank, metadata = 0, {}
  if #rows > 0 then
    rank = start == 0 and 1 or rank_of(ties, KEYS[2], KEYS[3], rows[1], rows[2])
    metadata = metadata_of(rows, with_metadata)
  end
  for _, part in ipairs({start, rank, rows, metadata}) do answer[#answer + 1] = part end
  return answer
end
