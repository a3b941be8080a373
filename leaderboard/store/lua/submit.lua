-- Applies a batch of submissions to all their periods: the one way in.
-- KEYS   1 meta, 2 known, 3 open, 4 closing, 5 marker, 6 loads, 7 feed, then for each slot (a period or a window of the batch):
--        standings, and where the stride is 3: dense, metadata
-- ARGV   1 the batch, packed; boards/batches.py tells every field
-- ANSWER {'stale'}            the board is not what the caller thinks it is
--        {'behind', closed, drops, windows, period ids that have no key}   the caller knows too little: see situation.lua
--        {'replay', marker}   this chunk of an idempotent request was applied before
--        {'passed', place}    this part of a load was applied before
--        {'done', outcome}    a letter an item (u updated, s same, x refused), '|', then for every step that shows:
--                             key before, rank before, key after, rank after, 1 if it moved; all between commas
--#include packed.lua
--#include sum.lua
--#include ranks.lua
--#include situation.lua
--#include slots.lua
--#include levels.lua
--#include feed.lua
--#include standing.lua
--#include windows.lua
--#include items.lua
local batch = cmsgpack.unpack(ARGV[1])
local marking = batch.marker_ms > 0
if marking then
  local kept = redis.call('GET', KEYS[5])
  if kept then return {'replay', kept} end
end
local meta = redis.call('HMGET', KEYS[1], 'rev', 'closed', 'drops', 'windows', 'followed', 'waiting')
if meta[1] ~= batch.rev then return {'stale'} end
local place = batch.place and redis.call('HGET', KEYS[6], batch.place.id)
if place and tonumber(string.match(place, '^%d+')) >= batch.place.to then return {'passed', place} end

local letters, details, touched = {}, {}, false
if #batch.players > 0 then
  local slots = open_slots(batch)
  local behind = situation(batch, slots, meta)
  if behind then return behind end
  batch.moves = is_followed(meta[5], batch) and {count = 0} or nil
  local submit = batch.quick and not batch.moves and submit_best or submit_item
  for i = 1, #batch.players do
    letters[i] = submit(batch, slots, i, details)
    touched = touched or letters[i] == 'u' or (batch.metadata ~= nil and batch.operator == 'last')
  end
  if touched then register_slots(batch, slots) end
end
if touched then
  local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
  if batch.moves then keep_moves(batch, version) end
  if meta[6] then wake() end
end
if batch.place then move_place(batch.place, place, letters) end
local outcome = table.concat(letters) .. '|' .. table.concat(details, ',')
if marking and (batch.mark_refused or (letters[1] and letters[1] ~= 'x')) then
  redis.call('SET', KEYS[5], batch.extra .. '\n' .. outcome, 'PX', batch.marker_ms)
end
return {'done', outcome}
