-- Finding a place among rows that may have moved or gone since.

-- Bytes, as the store orders members; Lua's own < would ask the locale.
local function after(a, b)
  for n = 1, math.min(#a, #b) do
    local x, y = string.byte(a, n), string.byte(b, n)
    if x ~= y then return x > y end
  end
  return #a > #b
end

-- The index of the first row whose player `is_behind`, among those with this key; and how many have a smaller one.
local function first_of(set, key, is_behind)
  local below = redis.call('ZCOUNT', set, '-inf', '(' .. key)
  local low, high = below, below + redis.call('ZCOUNT', set, key, key)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if is_behind(redis.call('ZRANGE', set, middle, middle)[1]) then high = middle else low = middle + 1 end
  end
  return low, below
end

-- The index of the first row behind (key, player), and how many have a smaller key.
local function index_after(set, key, player)
  return first_of(set, key, function(other) return after(other, player) end)
end

-- The index that (key, player) has, or would have; and how many have a smaller key.
local function index_of(set, key, player)
  return first_of(set, key, function(other) return not after(player, other) end)
end
