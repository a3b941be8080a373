-- Forgets days that are not kept any more, but for the fact that they were there.
-- KEYS   1 days, 2 lost
-- ARGV   1 now, Unix seconds; 2 how many days at most
-- ANSWER how many
--#include activity_days.lua
local days = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, day in ipairs(days) do
  redis.call('SETBIT', KEYS[2], number_of(day), 1)
  redis.call('ZREM', KEYS[1], day)
end
return #days
