-- Removes a player's times of some days.
-- KEYS   1 days, then the player's shard of each day
-- ARGV   1 the player's field, then the ids of these days
-- ANSWER of how many days there were any
local found = 0
for n = 2, #KEYS do
  if redis.call('HDEL', KEYS[n], ARGV[1]) == 1 then
    local kept, added, removed, late = string.match(redis.call('HGET', KEYS[1], ARGV[n]), '(%d+) (%d+) (%d+) (%d)')
    redis.call('HSET', KEYS[1], ARGV[n], string.format('%d %d %d %d', kept, added, removed + 1, late))
    found = found + 1
  end
end
return found
