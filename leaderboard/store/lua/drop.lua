-- Removes the keys of a period that is sealed, or of one that is never read by itself.
-- KEYS   1 meta, 2 known, 3 open, 4 closing, 5 standings, 6 dense, 7 metadata
-- ARGV   1 rev, 2 period id, 3 its member of known, 4 how many entries the archive has (-1: it is not archived),
--        5 when it closed, Unix seconds, if it ought to be archived and is not: then it is to be sealed; else ''
-- ANSWER 1 if the keys are gone, else 0: the board is another one, or the period is still to be sealed
if redis.call('HGET', KEYS[1], 'rev') ~= ARGV[1] or redis.call('ZSCORE', KEYS[3], ARGV[2]) then return 0 end
if redis.call('HEXISTS', KEYS[4], ARGV[2]) == 1 then return 0 end -- sealed, and what the archive has may be an older copy
local total = redis.call('ZCARD', KEYS[5])
if total > 0 and ARGV[5] ~= '' then
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[2])
  return 0
end
-- Of sealed standings nothing can be missing in the archive, but for a moment while a player is being forgotten.
if total > 0 and ARGV[4] ~= '-1' and total ~= tonumber(ARGV[4]) then return 0 end
redis.call('UNLINK', KEYS[5], KEYS[6], KEYS[7])
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('HINCRBY', KEYS[1], 'drops', 1)
redis.call('HINCRBY', KEYS[1], 'version', 1)
return 1
