-- What `sum` makes of a key: the new key, or nil where a field would leave its range.
-- limits: Ordering.sum_limits; deltas, from at + 1 on: Ordering.delta.

local function add_plain(old, deltas, at, limits)
  local delta = deltas[at + 1]
  old = old or 0
  local new = old + delta + 0
  if not (new >= limits[1] and new <= limits[2]) then return nil end
  if limits[3] == 1 then -- integers: refuse a sum that was rounded (Knuth's TwoSum gives the error exactly)
    local part = new - old
    if (old - (new - part)) + (delta - part) ~= 0 then return nil end
  end
  return new
end

local function add_packed(old, deltas, at, limits)
  local sub_bits, time_bits = limits[1], limits[2]
  local hi, lo, sub_hi, sub_lo = limits[3], limits[4], limits[7], limits[8]
  local add_hi, add_lo, sub_add_hi, sub_add_lo = deltas[at + 1], deltas[at + 2], deltas[at + 3], deltas[at + 4]
  local time_hi, time_lo = floor(deltas[at + 5] / W), deltas[at + 5] % W
  if old then
    if add_hi == 0 and add_lo == 0 and sub_add_hi == 0 and sub_add_lo == 0 then return old end
    hi, lo = split(old)
    hi, lo = shift_right(hi, lo, time_bits)
    sub_hi, sub_lo = lowest(hi, lo, sub_bits)
    hi, lo = shift_right(hi, lo, sub_bits)
  end
  hi, lo = add(hi, lo, add_hi, add_lo)
  sub_hi, sub_lo = add(sub_hi, sub_lo, sub_add_hi, sub_add_lo)
  if hi < 0 or above(hi, lo, limits[5], limits[6]) or sub_hi < 0 or above(sub_hi, sub_lo, limits[9], limits[10]) then
    return nil
  end
  hi, lo = shift_left(hi, lo, sub_bits)
  hi, lo = shift_left(hi + sub_hi, lo + sub_lo, time_bits)
  return join(hi + time_hi, lo + time_lo)
end

-- The sum of whole keys, clamped to the fields' ranges; its time is that of the newest, which comes first.
local function sum_of_packed(keys, limits)
  local sub_bits, time_bits = limits[1], limits[2]
  local hi, lo, sub_hi, sub_lo = limits[3], limits[4], limits[7], limits[8]
  local newest_hi, newest_lo = split(keys[1])
  local time_hi, time_lo = lowest(newest_hi, newest_lo, time_bits)
  for n = #keys, 1, -1 do
    local rest_hi, rest_lo = split(keys[n])
    rest_hi, rest_lo = shift_right(rest_hi, rest_lo, time_bits)
    local second_hi, second_lo = lowest(rest_hi, rest_lo, sub_bits)
    rest_hi, rest_lo = shift_right(rest_hi, rest_lo, sub_bits)
    -- A field is counted from the zero of its range, limits[3..4] and [7..8]: what a bucket adds is the way from there.
    hi, lo = add(hi, lo, subtract(rest_hi, rest_lo, limits[3], limits[4]))
    sub_hi, sub_lo = add(sub_hi, sub_lo, subtract(second_hi, second_lo, limits[7], limits[8]))
  end
  hi, lo = clamp(hi, lo, limits[5], limits[6])
  sub_hi, sub_lo = clamp(sub_hi, sub_lo, limits[9], limits[10])
  hi, lo = shift_left(hi, lo, sub_bits)
  hi, lo = shift_left(hi + sub_hi, lo + sub_lo, time_bits)
  return join(hi + time_hi, lo + time_lo)
end
