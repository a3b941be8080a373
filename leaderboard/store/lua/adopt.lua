-- Puts periods of a restored board into their places, while nobody can read or write it: its `rev` is not there yet.
-- KEYS   1 meta, 2 lock, 3 known, 4 open, then six a period: standings, dense and metadata as they come, and their places
-- ARGV   1 token of the lock, 2 `closed`, Unix milliseconds; '' for none; then four a period: its id, its member of
--        known, when its keys may go, Unix seconds; '' for never, when it closed, Unix seconds; '' if it is not sealed
-- ANSWER 1, or 0 where the lock is lost, or what is to come is not there; then nothing is changed
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
for n = 5, #KEYS, 6 do
  -- What is in its place already was put there by this very call, sent again because its answer was lost.
  if redis.call('EXISTS', KEYS[n], KEYS[n + 3]) == 0 then return 0 end
end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'closed', ARGV[2]) end
for n = 5, #KEYS, 6 do
  local a = 3 + (n - 5) / 6 * 4
  for k = n, n + 2 do
    if redis.call('EXISTS', KEYS[k]) == 1 then
      redis.call('RENAME', KEYS[k], KEYS[k + 3])
      if ARGV[a + 2] == '' then redis.call('PERSIST', KEYS[k + 3]) else redis.call('EXPIREAT', KEYS[k + 3], ARGV[a + 2]) end
    end
  end
  redis.call('ZADD', KEYS[3], 0, ARGV[a + 1])
  if ARGV[a + 3] ~= '' then redis.call('ZADD', KEYS[4], ARGV[a + 3], ARGV[a]) end
end
return 1
