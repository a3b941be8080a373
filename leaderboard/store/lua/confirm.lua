-- Notes that the archive has a sealed period complete, or that it has lost the copy and the period is to be sealed anew.
-- KEYS   1 open, 2 closing
-- ARGV   1 period id, 2 token, 3 '' if it is complete, else when it closed, Unix seconds
-- ANSWER 1, or 0 where it was changed meanwhile
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
if ARGV[3] ~= '' then redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1]) end
return 1
