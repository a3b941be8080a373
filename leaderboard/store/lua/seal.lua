-- Seals a period whose copy is verified, if its standings are still those that were copied. Its token stays until the
-- archive has made the copy complete (confirm.lua), so that whoever finds it there does what is left.
-- KEYS   1 meta, 2 open, 3 closing, 4 standings, 5 dense, 6 metadata
-- ARGV   1 period id, 2 token, 3 total, 4 when its keys may go, Unix seconds
-- ANSWER 1 if it is sealed now, else 0
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] or redis.call('ZCARD', KEYS[4]) ~= tonumber(ARGV[3]) then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
for n = 4, 6 do redis.call('EXPIREAT', KEYS[n], ARGV[4]) end
redis.call('HINCRBY', KEYS[1], 'version', 1)
return 1
