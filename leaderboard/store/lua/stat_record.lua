-- Records events of one stat in their hours.
-- KEYS   1 open, then two an hour: bucket, players
-- ARGV   1 the hours, packed: each {id, begins, expires (Unix seconds), part (see stat_add.lua), players}
-- ANSWER how many events
--#include stat_add.lua
local recorded = 0
for n, hour in ipairs(cmsgpack.unpack(ARGV[1])) do
  local id, begins, expires, part, players = unpack(hour)
  local bucket, unique = KEYS[2 * n], KEYS[2 * n + 1]
  add(bucket, part, true)
  redis.call('ZADD', KEYS[1], begins, id)
  redis.call('EXPIREAT', bucket, expires)
  if #players > 0 then redis.call('PFADD', unique, unpack(players)) end
  redis.call('EXPIREAT', unique, expires)
  recorded = recorded + part[1]
end
return recorded
