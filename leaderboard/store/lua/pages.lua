-- What all reads share. Their answers begin with the board's rev, its version and the total of the period.
-- KEYS   1 meta, 2 standings, 3 dense, 4 metadata

local function stamp()
  local meta = redis.call('HMGET', KEYS[1], 'rev', 'version')
  return {meta[1], meta[2], redis.call('ZCARD', KEYS[2])}
end

-- Puts onto the answer: index of the first row, its rank, {player, key, ...}, {metadata, ...} (empty unless asked for).
local function add_page(answer, ties, start, count, with_metadata)
  local rows = count > 0 and redis.call('ZRANGE', KEYS[2], start, start + count - 1, 'WITHSCORES') or {}
  local rank, metadata = 0, {}
  if #rows > 0 then
    rank = rank_of(ties, KEYS[2], KEYS[3], rows[1], rows[2])
    if with_metadata == '1' then
      local players = {}
      for n = 1, #rows, 2 do players[#players + 1] = rows[n] end
      metadata = redis.call('HMGET', KEYS[4], unpack(players))
    end
  end
  for _, part in ipairs({start, rank, rows, metadata}) do answer[#answer + 1] = part end
  return answer
end
