-- One standing of one player in one slot: what it becomes, and writing it.

local function text(key) return string.format('%.17g', key) end

-- The key that item i gives a player who has `old` (a number or nil): text, nil for no change, false for refused.
local function next_key(batch, i, old)
  if batch.operator == 'sum' then
    local apply = batch.packed and add_packed or add_plain
    local new = apply(old, batch.deltas, (i - 1) * batch.width, batch.limits)
    if not new then return false end
    if new == old then return nil end
    return text(new)
  end
  -- A tie-breaking time is no part of the comparison: floors and ceils are the ends of one (score, subscore).
  local key = batch.keys[i]
  local ceil = batch.ceils and batch.ceils[i] or tonumber(key)
  local floor = batch.floors and batch.floors[i] or ceil
  if old and old <= ceil and (batch.operator == 'best' or old >= floor) then return nil end
  return key
end

-- Keeps the best `limit` entries. There is one too many; far too many only where a period was sealed under a larger
-- limit and opened again, of which the rest goes with the next writes, or before it is copied.
local function trim(batch, slot, writing)
  local first = math.max(batch.limit, redis.call('ZCARD', slot.standings) - 1000)
  local over = redis.call('ZRANGE', slot.standings, first, -1, 'WITHSCORES')
  if #over == 0 then return end
  redis.call('ZREMRANGEBYRANK', slot.standings, first, -1)
  for n = 1, #over, 2 do
    if batch.ties == 'dense' then forget_level(slot, over[n + 1]) end
    if batch.metadata then redis.call('HDEL', slot.metadata, over[n]) end
    if batch.moves and over[n] ~= writing then note_move(batch, slot, over[n], over[n + 1], '') end
  end
end

local function write_metadata(batch, slot, i)
  if not batch.metadata then return end
  slot.dirty = true
  local metadata = batch.metadata[tostring(i)]
  if metadata then
    redis.call('HSET', slot.metadata, batch.players[i], metadata)
  else
    redis.call('HDEL', slot.metadata, batch.players[i])
  end
end

local function write(batch, slot, i, old, key)
  slot.dirty = true
  redis.call('ZADD', slot.standings, key, batch.players[i])
  if batch.ties == 'dense' then
    forget_level(slot, old)
    redis.call('ZADD', slot.dense, key, text(tonumber(key)))
  end
  write_metadata(batch, slot, i)
  if batch.limit > 0 then trim(batch, slot, batch.players[i]) end
end
