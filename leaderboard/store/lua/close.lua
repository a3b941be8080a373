-- Marks the periods that ended before a time as closed: from now on only a backfill writes to them.
-- KEYS   1 meta
-- ARGV   1 rev, 2 the time, Unix milliseconds
-- ANSWER the mark as it is now, or -1 where the board is another one
if redis.call('HGET', KEYS[1], 'rev') ~= ARGV[1] then return -1 end
local closed = tonumber(redis.call('HGET', KEYS[1], 'closed') or 0)
if tonumber(ARGV[2]) > closed then
  closed = tonumber(ARGV[2])
  redis.call('HSET', KEYS[1], 'closed', ARGV[2])
end
return closed
