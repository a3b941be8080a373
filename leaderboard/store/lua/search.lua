-- Finding the place behind a row that may have moved or gone since.

-- Bytes, as the store orders members; Lua's own < would ask the locale.
local function after(a, b)
  for n = 1, math.min(#a, #b) do
    local x, y = string.byte(a, n), string.byte(b, n)
    if x ~= y then return x > y end
  end
  return #a > #b
end

-- The index of the first row behind (key, player).
local function index_after(set, key, player)
  local low = redis.call('ZCOUNT', set, '-inf', '(' .. key)
  local high = low + redis.call('ZCOUNT', set, key, key)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if after(redis.call('ZRANGE', set, middle, middle)[1], player) then high = middle else low = middle + 1 end
  end
  return low
end
