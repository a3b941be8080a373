-- Puts standings that were read from the archive into their place.
-- KEYS   1 meta, 2 known, 3 open, 4 closing, then standings, dense, metadata: 5 to 7 as they come, 8 to 10 their place
-- ARGV   1 rev, 2 period id, 3 its member of known, 4 `forgets` when reading began, 5 when they may go, Unix seconds,
--        6 when it closed, Unix seconds, to open it again; '' to leave it sealed
-- ANSWER 'done', 'there' (standings are in that place), or 'changed' (a player was forgotten meanwhile, or the board changed)
local meta = redis.call('HMGET', KEYS[1], 'rev', 'forgets')
local answer = redis.call('EXISTS', KEYS[8]) == 1 and 'there' or 'done'
if meta[1] ~= ARGV[1] or (meta[2] or '0') ~= ARGV[4] then answer = 'changed' end
if answer ~= 'done' then
  redis.call('UNLINK', KEYS[5], KEYS[6], KEYS[7])
  return answer
end
for n = 5, 7 do
  if redis.call('EXISTS', KEYS[n]) == 1 then
    redis.call('RENAME', KEYS[n], KEYS[n + 3])
    redis.call('EXPIREAT', KEYS[n + 3], ARGV[5])
  else
    redis.call('UNLINK', KEYS[n + 3])
  end
end
redis.call('ZADD', KEYS[2], 0, ARGV[3])
redis.call('HDEL', KEYS[4], ARGV[2])
if ARGV[6] ~= '' then redis.call('ZADD', KEYS[3], ARGV[6], ARGV[2]) end
redis.call('HINCRBY', KEYS[1], 'version', 1)
return 'done'
