-- Takes a key away and answers what it held, so that only one caller has it.
-- KEYS   1 the key
-- ANSWER its value, or nothing
local held = redis.call('GET', KEYS[1])
if held then redis.call('DEL', KEYS[1]) end
return held
