-- Removes a player from some periods, the narrowest first.
-- KEYS   1 meta, then three a period: standings, dense, metadata
-- ARGV   1 ties, 2 player
-- ANSWER from how many periods
local removed = 0
for n = 2, #KEYS, 3 do
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
