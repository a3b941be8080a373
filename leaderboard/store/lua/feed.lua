-- What those who follow a board are told: which players moved, in a stream whose ids are the board's versions. Nothing
-- is written unless somebody follows it.

-- The scores are written by the time anything here is, and nothing here may fail their call: so all of it is `pcall`.

local MOST_MOVES, MOST_ENTRIES, SECONDS = 256, 1000, 600 -- of an entry, of the stream, and of its life

-- Who looks says so for some minutes; what is further ahead was said by a clock that was wrong, and would hold for ever.
local function is_followed(until_ms, batch)
  local left = tonumber(until_ms or 0) - batch.now
  return left > 0 and left <= SECONDS * 1000
end

-- Notes a move of a player in a period: the keys before and after, '' where there is none. Windows are not followed.
local function note_move(batch, slot, player, old, new)
  if slot.window then return end
  local moves = batch.moves
  moves.count = moves.count + 1
  if moves.count > MOST_MOVES then return end
  local of = moves[slot.id] or {}
  moves[slot.id] = of
  of[#of + 1], of[#of + 2], of[#of + 3] = player, old, new
end

-- An entry for the version that the moves made: period id -> player, key before, key after, ... between line breaks; or
-- `many` in their place.
local function keep_moves(batch, version)
  local moves, fields = batch.moves, {}
  if moves.count > MOST_MOVES then
    fields = {'many', '1'}
  else
    moves.count = nil
    for id, of in pairs(moves) do fields[#fields + 1], fields[#fields + 2] = id, table.concat(of, '\n') end
    if #fields == 0 then fields = {'none', '1'} end
  end
  local id = string.format('%.0f-0', version)
  local kept = redis.pcall('XADD', KEYS[7], 'MAXLEN', '~', MOST_ENTRIES, id, unpack(fields))
  if type(kept) == 'table' and kept.err then -- entries of a board that was further on: one restored from a copy
    redis.pcall('DEL', KEYS[7])
    redis.pcall('XADD', KEYS[7], id, unpack(fields))
  end
  redis.pcall('EXPIRE', KEYS[7], SECONDS)
end

-- Wakes whoever waits for a change, once: who wants to hear of the next one says so again. All parts of a board have
-- one channel.
local function wake()
  redis.pcall('HDEL', KEYS[1], 'waiting')
  redis.pcall('PUBLISH', (string.gsub(KEYS[7], '#%d+}:feed$', '}:feed')), '')
end
