-- The periods of a board that have closed and are not sealed, the one that closed first first.
-- KEYS   1 open
-- ARGV   1 now, Unix seconds, 2 how many at most
-- ANSWER {period id, ...}
return redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
