-- Notes names that have stats.
-- KEYS   1 a set of names, 2 the revision of the game's funnels (may be left out)
-- ARGV   the names
-- ANSWER the revision, or ''
redis.call('SADD', KEYS[1], unpack(ARGV))
return KEYS[2] and redis.call('GET', KEYS[2]) or ''
