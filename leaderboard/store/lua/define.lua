-- Writes a board's definition beside its data, if this token holds the board's lock.
-- KEYS   1 meta, 2 lock
-- ARGV   1 token, 2 rev, 3 definition, 4 version to begin with
-- ANSWER 1, or 0 where the lock is lost
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'rev', ARGV[2], 'def', ARGV[3])
redis.call('HSETNX', KEYS[1], 'version', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'version', 1)
return 1
