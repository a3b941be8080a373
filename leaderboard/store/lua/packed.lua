-- Arithmetic on packed sort keys: 63-bit integers kept as the bits of a positive double (see boards/ordering.py).
-- A Lua number holds 53 bits, so integers travel in two halves: value = hi * 2^32 + lo, 0 <= lo < 2^32.
local floor, W = math.floor, 4294967296

local function split(key) -- the packed integer of a key
  local m, e = math.frexp(key)
  local fraction = m * 9007199254740992 - 4503599627370496
  -- less 2^52 (2^20 in the high half), where packed values start
  return (e + 1022) * 1048576 + floor(fraction / W) - 1048576, fraction % W
end

local function join(hi, lo)
  hi = hi + 1048576
  return math.ldexp((hi % 1048576) * W + lo + 4503599627370496, floor(hi / 1048576) - 1075)
end

local function shift_right(hi, lo, bits)
  if bits >= 32 then return 0, floor(hi / 2 ^ (bits - 32)) end
  return floor(hi / 2 ^ bits), floor(lo / 2 ^ bits) + (hi % 2 ^ bits) * 2 ^ (32 - bits)
end

local function shift_left(hi, lo, bits)
  if bits >= 32 then return lo * 2 ^ (bits - 32), 0 end
  return hi * 2 ^ bits + floor(lo / 2 ^ (32 - bits)), (lo * 2 ^ bits) % W
end

local function lowest(hi, lo, bits)
  if bits >= 32 then return hi % 2 ^ (bits - 32), lo end
  return 0, lo % 2 ^ bits
end

local function add(hi, lo, hi2, lo2)
  local sum = lo + lo2
  if sum >= W then return hi + hi2 + 1, sum - W end
  return hi + hi2, sum
end

local function subtract(hi, lo, hi2, lo2)
  if lo < lo2 then return hi - hi2 - 1, lo - lo2 + W end
  return hi - hi2, lo - lo2
end

local function above(hi, lo, hi2, lo2)
  return hi > hi2 or (hi == hi2 and lo > lo2)
end

local function clamp(hi, lo, most_hi, most_lo) -- into 0 to most
  if hi < 0 then return 0, 0 end
  if above(hi, lo, most_hi, most_lo) then return most_hi, most_lo end
  return hi, lo
end

local function floor_key(key, time_bits) -- the best key of the same (score, subscore)
  if time_bits == 0 then return key end
  local hi, lo = split(key)
  local rest_hi, rest_lo = lowest(hi, lo, time_bits)
  return join(hi - rest_hi, lo - rest_lo)
end
