-- Gives a lock back, if it is still held by this token.
-- KEYS   1 lock
-- ARGV   1 token
-- ANSWER 1 if it was, else 0
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
