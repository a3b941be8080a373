-- A page of standings: from the start, or after the last row of the page before.
-- KEYS   see pages.lua
-- ARGV   1 ties, 2 rows, 3 '1' for metadata, then for a further page: 4 key and 5 player of the last row shown
-- ANSWER {rev, version, total, index, rank, rows, metadata}
--#include ranks.lua
--#include pages.lua

-- Bytes, as the store orders members; Lua's own < would ask the locale.
local function after(a, b)
  for n = 1, math.min(#a, #b) do
    local x, y = string.byte(a, n), string.byte(b, n)
    if x ~= y then return x > y end
  end
  return #a > #b
end

-- The index of the first row behind (key, player), who may have moved or gone since.
local function index_after(key, player)
  local low = redis.call('ZCOUNT', KEYS[2], '-inf', '(' .. key)
  local high = low + redis.call('ZCOUNT', KEYS[2], key, key)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if after(redis.call('ZRANGE', KEYS[2], middle, middle)[1], player) then high = middle else low = middle + 1 end
  end
  return low
end

local start = ARGV[4] and index_after(ARGV[4], ARGV[5]) or 0
return add_page(stamp(), ARGV[1], start, tonumber(ARGV[2]), ARGV[3])
