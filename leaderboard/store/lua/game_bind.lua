-- Binds a game to the calendar that its events are recorded by, if it is bound to none yet.
-- KEYS   1 calendar, 2 lock
-- ARGV   1 token, 2 calendar
-- ANSWER the calendar that is bound; nil where there is none and the lock is lost
local bound = redis.call('GET', KEYS[1])
if bound then return bound end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
