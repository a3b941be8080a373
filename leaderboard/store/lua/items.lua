-- One submission over all its periods. A step is {slot, show, inside...}: show 1 asks for the key in the answer, 2 for
-- ranks too; `inside` are earlier steps whose period lies wholly inside this one, so that where one of them did not
-- move this one cannot either (`best` only, see boards/batches.py). A slot that is derived (a window whose content
-- cannot be told from its last write) is made anew from its buckets after all others, its bucket's step in `inside`.

local function cannot_move(step, moved)
  for n = 3, #step do
    if not moved[step[n]] then return true end
  end
  return false
end

-- The quick way, for boards and batches that need nothing but the sorted set.
local function submit_best(batch, slots, i)
  local moved, any = {}, false
  local key, player = batch.keys[i], batch.players[i]
  for n, step in ipairs(batch.profiles[batch.profile[i]]) do
    local slot = slots[step[1]]
    moved[n] = not cannot_move(step, moved) and redis.call('ZADD', slot.standings, 'LT', 'CH', key, player) == 1
    if moved[n] then any, slot.dirty = any or not slot.window, true end
  end
  return any and 'u' or 's'
end

local function show(batch, slot, step, player, key)
  if not key then return '', '' end
  if step[2] < 2 then return key, '' end
  return key, rank_of(batch.ties, slot.standings, slot.dense, player, key)
end

local function derive_item(batch, slots, slot, player)
  local buckets = {}
  for n, s in ipairs(slot.buckets) do
    buckets[n] = {slots[s].standings, slots[s].dense, slots[s].metadata}
  end
  return derive(batch.rule, slot, buckets, player, batch.ties, batch.metadata ~= nil)
end

-- Any operator, with whatever the board or the caller asks for. Nothing is written when one period refuses.
local function submit_item(batch, slots, i, details)
  local steps, player = batch.profiles[batch.profile[i]], batch.players[i]
  local olds, news, moved, any = {}, {}, {}, false
  for n, step in ipairs(steps) do
    if not slots[step[1]].buckets and (step[2] > 0 or not cannot_move(step, moved)) then
      olds[n] = redis.call('ZSCORE', slots[step[1]].standings, player)
      news[n] = next_key(batch, i, olds[n] and tonumber(olds[n]))
      if news[n] == false then return 'x' end
    end
    moved[n] = news[n] ~= nil
  end
  for n, step in ipairs(steps) do
    local slot, old, new = slots[step[1]], olds[n], news[n]
    local key_before, rank_before = show(batch, slot, step, player, old)
    if slot.buckets then
      if moved[step[3]] or batch.operator == 'last' then moved[n] = derive_item(batch, slots, slot, player) end
    elseif new then
      write(batch, slot, i, old, new)
    elseif batch.operator == 'last' then
      write_metadata(batch, slot, i)
    end
    local now = new or old
    if new and batch.limit > 0 then now = redis.call('ZSCORE', slot.standings, player) end -- false if not kept
    if new and not now then moved[n] = false end
    if batch.moves and new and (old or now) then note_move(batch, slot, player, old or '', now or '') end
    any = any or (moved[n] and not slot.window) -- windows follow; one that is being built may only be catching up
    if step[2] > 0 then
      details[#details + 1], details[#details + 2] = key_before, rank_before
      local key_after, rank_after = key_before, rank_before
      if new then key_after, rank_after = show(batch, slot, step, player, now) end
      details[#details + 1], details[#details + 2] = key_after, rank_after
      details[#details + 1] = moved[n] and 1 or 0
    end
  end
  return any and 'u' or 's'
end
