-- Begins to copy a closed period, or goes on: names the standings that are there now.
-- KEYS   1 meta, 2 known, 3 open, 4 closing, 5 standings, 6 dense, 7 metadata
-- ARGV   1 rev, 2 period id, 3 its member of known, 4 when it ended, Unix milliseconds, 5 a new token,
--        6 until when its keys must live, sealed or not, Unix seconds
-- ANSWER {'changed'} the board is another one, {'sealed'} there is nothing to do, {'early'} it is not closed,
--        {'empty'} it has no entries and is off the list, {'emptied', marker} its last players were removed, so that
--        what the archive may have of it is to go (then emptied.lua), {'copy', token, total}
local meta = redis.call('HMGET', KEYS[1], 'rev', 'closed')
if meta[1] ~= ARGV[1] then return {'changed'} end
if not redis.call('ZSCORE', KEYS[3], ARGV[2]) then return {'sealed'} end
if tonumber(ARGV[4]) >= tonumber(meta[2] or 0) then return {'early'} end
local total = redis.call('ZCARD', KEYS[5])
local marker = redis.call('HGET', KEYS[4], ARGV[2])
if total == 0 and marker and string.sub(marker, 1, 8) == 'emptied:' then return {'emptied', marker} end
if total == 0 then
  redis.call('ZREM', KEYS[2], ARGV[3])
  redis.call('ZREM', KEYS[3], ARGV[2])
  redis.call('HDEL', KEYS[4], ARGV[2])
  redis.call('UNLINK', KEYS[6], KEYS[7])
  return {'empty'}
end
for n = 5, 7 do redis.call('EXPIREAT', KEYS[n], ARGV[6], 'GT') end
redis.call('HSETNX', KEYS[4], ARGV[2], ARGV[5])
return {'copy', redis.call('HGET', KEYS[4], ARGV[2]), total}
