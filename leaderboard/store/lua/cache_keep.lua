-- Keeps a finished answer for all, and gives back the lock under which it was made.
-- KEYS   1 meta, 2 answers, 3 when they were made, 4 lock
-- ARGV   1 rev, 2 version and 3 mark (see cache_find.lua) from before it was made, 4 its name, 5 the answer, 6 how long it
--        took to make, milliseconds, 7 token, 8 lifetime, milliseconds, 9 how many answers are kept of a board,
--        10 now, Unix milliseconds; '' for the store's clock
-- ANSWER 1 if it is kept, else 0: the board is another one by now, or has a newer answer
--#include versions.lua
if redis.call('GET', KEYS[4]) == ARGV[7] then redis.call('DEL', KEYS[4]) end
if redis.call('HGET', KEYS[1], 'rev') ~= ARGV[1] then return 0 end
local before = redis.call('HGET', KEYS[2], ARGV[4])
if before then
  local rev, version = string.match(before, '^(%S+) (%S+) ')
  if rev == ARGV[1] and version ~= ARGV[2] and is_as_new(version, ARGV[2]) then return 0 end
end
local now = tonumber(ARGV[10])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local made = string.format('%.0f', now - tonumber(ARGV[6])) -- it is as old as its question
local head = table.concat({ARGV[1], ARGV[2], ARGV[3], made, ARGV[6]}, ' ')
redis.call('HSET', KEYS[2], ARGV[4], head .. '\n' .. ARGV[5])
redis.call('ZADD', KEYS[3], made, ARGV[4])
local function drop(names)
  if #names == 0 then return end
  redis.call('HDEL', KEYS[2], unpack(names))
  redis.call('ZREM', KEYS[3], unpack(names))
end
drop(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', now - ARGV[8]), 'LIMIT', 0, 1000))
drop(redis.call('ZRANGE', KEYS[3], 0, -1 - ARGV[9]))
redis.call('PEXPIRE', KEYS[2], ARGV[8])
redis.call('PEXPIRE', KEYS[3], ARGV[8])
return 1
