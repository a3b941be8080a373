-- Lets through as many of what is wanted as are left of a day's quota, or that of another fixed window.
-- KEYS   1 "number count": of the window, counted since 1970, and how many were let through in it
-- ARGV   1 limit, 2 length of a window in milliseconds, 3 wanted, 4 of what was let through before in this window, was not
--        made use of, 5 now, Unix milliseconds; '' for the store's clock
-- ANSWER {given, left, milliseconds until there is one more, milliseconds until all of the limit is there}
--#include limit_clock.lua
local limit, length, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = limit_clock(ARGV[5])
local number, count = math.floor(now / length), 0
local kept = redis.call('GET', KEYS[1])
if kept then
  local last, counted = string.match(kept, '^(%d+) (%d+)$')
  -- A clock that was set back over midnight takes the count along: no second quota, and it ends with this day.
  if number <= tonumber(last) then count = math.max(0, counted - tonumber(ARGV[4])) end
end
local given = math.max(0, math.min(wanted, limit - count))
count = count + given
local left, reset = math.max(0, limit - count), (number + 1) * length - now
redis.call('SET', KEYS[1], string.format('%.0f %.0f', number, count), 'PX', string.format('%.0f', reset + 1000))
return {given, left, left > 0 and 0 or reset, reset}
