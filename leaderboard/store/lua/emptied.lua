-- Takes a period whose last players were removed off the lists, now that the archive has nothing of it.
-- KEYS   1 known, 2 open, 3 closing
-- ARGV   1 period id, 2 its member of known
-- ANSWER 1, or 0 where it has entries again
if redis.call('HGET', KEYS[3], ARGV[1]) ~= 'emptied' then return 0 end
redis.call('ZREM', KEYS[1], ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
return 1
