-- Lengthens the life of a lock, if it is still held by this token.
-- KEYS   1 lock
-- ARGV   1 token  2 lifetime, milliseconds
-- ANSWER 1 if it was, else 0
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
