-- Cuts a period down to its best entries, for a board whose max_entries was lowered.
-- KEYS   1 standings, 2 dense, 3 metadata, 4 closing
-- ARGV   1 how many to keep, 2 ties, 3 how many to remove at most in this call, 4 period id
-- ANSWER how many were removed
local keep = tonumber(ARGV[1])
local last = math.max(keep, redis.call('ZCARD', KEYS[1]) - 1)
local over = redis.call('ZRANGE', KEYS[1], math.max(keep, last - ARGV[3] + 1), last, 'WITHSCORES')
for n = 1, #over, 2 do
  redis.call('ZREM', KEYS[1], over[n])
  redis.call('HDEL', KEYS[3], over[n])
  if ARGV[2] == 'dense' and redis.call('ZCOUNT', KEYS[1], over[n + 1], over[n + 1]) == 0 then
    redis.call('ZREM', KEYS[2], string.format('%.17g', tonumber(over[n + 1])))
  end
end
if #over > 0 then redis.call('HDEL', KEYS[4], ARGV[4]) end
return #over / 2
