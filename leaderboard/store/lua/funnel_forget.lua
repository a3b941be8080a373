-- Removes a player's times of a day.
-- KEYS   1 days, 2 the player's shard
-- ARGV   1 day id, 2 the player's field
-- ANSWER whether there were any: 1 or 0
if redis.call('HDEL', KEYS[2], ARGV[2]) == 0 then return 0 end
local kept, version, rest = string.match(redis.call('HGET', KEYS[1], ARGV[1]), '(%d+) (%d+) (.+)')
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %d %s', kept, version + 1, rest))
return 1
