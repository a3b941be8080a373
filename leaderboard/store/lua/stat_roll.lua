-- Adds what is new in an hour to its day, week, month and year, all at once; a second call finds nothing new.
-- KEYS   1 open, 2 and 3 the hour: bucket, players; then two for each period that it belongs to
-- ARGV   1 the hour's id, 2 when it expires, then when each of the periods does, all Unix seconds
-- ANSWER how many events were added
--#include stat_add.lua
redis.call('ZREM', KEYS[1], ARGV[1])
local hour = redis.call('HMGET', KEYS[2], 'new_count', 'new_n', 'new_sum', 'min', 'max')
if not hour[1] then return 0 end
local part = {}
for n = 1, 5 do part[n] = tonumber(hour[n] or 0) end
local has_players = redis.call('EXISTS', KEYS[3]) == 1
for n = 4, #KEYS, 2 do
  local expires = ARGV[n / 2 + 1]
  add(KEYS[n], part, false)
  redis.call('EXPIREAT', KEYS[n], expires)
  -- The destination is one of the sources anyway; the memory store needs to be told.
  if has_players then redis.call('PFMERGE', KEYS[n + 1], KEYS[n + 1], KEYS[3]) end
  redis.call('EXPIREAT', KEYS[n + 1], expires)
end
redis.call('HDEL', KEYS[2], 'new_count', 'new_n', 'new_sum')
redis.call('EXPIREAT', KEYS[2], ARGV[2])
redis.call('EXPIREAT', KEYS[3], ARGV[2])
return part[1]
