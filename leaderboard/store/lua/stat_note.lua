-- Notes names that have stats.
-- KEYS   1 a set of names
-- ARGV   the names
-- ANSWER how many are new
return redis.call('SADD', KEYS[1], unpack(ARGV))
