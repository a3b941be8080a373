-- Removes a player from some periods at once, the narrowest first.
-- KEYS   1 meta, 2 known, then three a period: standings, dense, metadata
-- ARGV   1 ties, 2 player, 3 how many periods the caller knows
-- ANSWER from how many periods, or -1 where there are others by now
if redis.call('ZCARD', KEYS[2]) ~= tonumber(ARGV[3]) then return -1 end
local removed = 0
for n = 3, #KEYS, 3 do
  local key = redis.call('ZSCORE', KEYS[n], ARGV[2])
  if key then
    redis.call('ZREM', KEYS[n], ARGV[2])
    redis.call('HDEL', KEYS[n + 2], ARGV[2])
    removed = removed + 1
    if ARGV[1] == 'dense' and redis.call('ZCOUNT', KEYS[n], key, key) == 0 then
      redis.call('ZREM', KEYS[n + 1], string.format('%.17g', tonumber(key)))
    end
  end
end
if removed > 0 then redis.call('HINCRBY', KEYS[1], 'version', 1) end
return removed
