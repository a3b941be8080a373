-- Lets through as many of what is wanted as keep a sliding window within its limit.
-- KEYS   1 what was let through: a list of "part before after", oldest first: the number of a part of the window, and
--        how many were let through before it and with it, since the list began
-- ARGV   1 limit, 2 length of a part in milliseconds, 3 parts of the window, 4 wanted, 5 of what was let through before,
--        was not made use of, 6 now, Unix milliseconds; '' for the store's clock
-- ANSWER {given, left, milliseconds until there is one more, milliseconds until all of the limit is there}
-- A part counts until all of it lies behind the window.
--#include limit_clock.lua
local limit, length, parts = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local wanted, back, now = tonumber(ARGV[4]), tonumber(ARGV[5]), limit_clock(ARGV[6])
local number = math.floor(now / length)

local function at(place)
  local entry = redis.call('LINDEX', KEYS[1], place)
  if not entry then return nil end
  local part, before, after = string.match(entry, '^(%d+) (%d+) (%d+)$')
  return {part = tonumber(part), before = tonumber(before), after = tonumber(after)}
end
local function text(part, before, after) return string.format('%.0f %.0f %.0f', part, before, after) end

local first = at(0)
while first and first.part < number - parts do
  redis.call('LPOP', KEYS[1])
  first = at(0)
end
local last = first and at(-1)
if last and last.part > number then -- the clock was set back: the newest is as of now, the others as long before it
  local ahead = last.part - number
  local place, entry = 0, first
  while entry do
    redis.call('LSET', KEYS[1], place, text(entry.part - ahead, entry.before, entry.after))
    place = place + 1
    entry = at(place)
  end
  first, last = at(0), at(-1)
end
while last and back > 0 do
  local given = math.min(back, last.after - last.before)
  back = back - given
  last.after = last.after - given
  if last.after > last.before then
    redis.call('LSET', KEYS[1], -1, text(last.part, last.before, last.after))
  else
    redis.call('RPOP', KEYS[1])
    last = at(-1)
  end
end
if not last then first = nil end

local total = last and last.after - first.before or 0
local given = math.max(0, math.min(wanted, limit - total))
if given > 0 and last and last.part == number then
  last.after = last.after + given
  redis.call('LSET', KEYS[1], -1, text(last.part, last.before, last.after))
elseif given > 0 then
  local before = last and last.after or 0
  last = {part = number, before = before, after = before + given}
  first = first or last
  redis.call('RPUSH', KEYS[1], text(last.part, last.before, last.after))
end
if last then redis.call('PEXPIRE', KEYS[1], length * (parts + 1) + 1000) end
local left = math.max(0, limit - total - given)
local wait = 0
if left == 0 and last then
  local place, beyond = 0, parts -- the entry that has to go: the first, unless the limit was lowered
  while total + given > limit and place < beyond do
    local middle = math.floor((place + beyond) / 2)
    local entry = at(middle)
    if not entry or entry.after > last.after - limit then beyond = middle else place = middle + 1 end
  end
  wait = (at(place).part + parts + 1) * length - now
end
return {given, left, wait, last and (last.part + parts + 1) * length - now or 0}
