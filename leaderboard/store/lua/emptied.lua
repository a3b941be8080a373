-- Takes a period whose last players were removed off the lists, once the archive has nothing of it.
-- KEYS   1 known, 2 open, 3 closing
-- ARGV   1 period id, 2 its member of known, 3 the marker that says so, 4 '1' to do it, else only to ask
-- ANSWER 1 if it is (still) so, 0 where it has entries again, or had since
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[3] then return 0 end
if ARGV[4] == '1' then
  redis.call('ZREM', KEYS[1], ARGV[2])
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('HDEL', KEYS[3], ARGV[1])
end
return 1
