-- A slot is one period or window of a batch: its keys, and what must be noted when its entries change.

local function open_slots(batch)
  local slots, names = {}, {}
  for s, slot in ipairs(batch.slots) do
    local at = 8 + (s - 1) * batch.stride
    slot.standings = KEYS[at]
    if batch.stride == 3 then slot.dense, slot.metadata = KEYS[at + 1], KEYS[at + 2] end
    slots[s], names[s] = slot, KEYS[at]
  end
  for first = 1, #names, 1000 do -- unpack has its limit
    local last = math.min(first + 999, #names)
    if redis.call('EXISTS', unpack(names, first, last)) < last - first + 1 then
      for s = first, last do slots[s].fresh = redis.call('EXISTS', names[s]) == 0 end
    end
  end
  return slots
end

-- What is written into a past period is not in the copy that was made of it, or is being made: it must be sealed anew.
local function reopen(slot)
  redis.call('HDEL', KEYS[4], slot.id)
  redis.call('ZADD', KEYS[3], slot.closes, slot.id)
end

-- Notes the periods that now have their first entry, and gives every key of a slot its lifetime.
local function register_slots(batch, slots)
  for _, slot in ipairs(slots) do
    if slot.fresh and slot.name and redis.call('EXISTS', slot.standings) == 1 then
      redis.call('HDEL', KEYS[4], slot.id)
      redis.call('ZADD', KEYS[2], 0, slot.name)
      if slot.closes then redis.call('ZADD', KEYS[3], slot.closes, slot.id) end
    end
    if slot.past and slot.dirty and slot.closes then reopen(slot) end
    if slot.expires and (slot.fresh or slot.late or batch.stride == 3) then
      redis.call('EXPIREAT', slot.standings, slot.expires)
      if batch.stride == 3 then
        redis.call('EXPIREAT', slot.dense, slot.expires)
        redis.call('EXPIREAT', slot.metadata, slot.expires)
      end
    end
  end
end

-- Moves the place of a load on, and its counts with it: "line applied unchanged refused".
local function move_place(place, old, letters)
  local _, applied, unchanged, refused = string.match(old or '0 0 0 0', '(%d+) (%d+) (%d+) (%d+)')
  for i = 1, #letters do
    if letters[i] == 'u' then applied = applied + 1 elseif letters[i] == 's' then unchanged = unchanged + 1 end
  end
  refused = refused + place.refused + #letters
  for i = 1, #letters do if letters[i] ~= 'x' then refused = refused - 1 end end
  redis.call('HSET', KEYS[6], place.id, string.format('%d %d %d %d', place.to, applied, unchanged, refused))
end
