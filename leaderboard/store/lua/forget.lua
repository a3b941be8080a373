-- Removes a player from some periods at once, the narrowest first, and from the windows that are live.
-- KEYS   1 meta, 2 known, 3 closing, 4 open, then three a period or window: standings, dense, metadata
-- ARGV   1 ties, 2 player, 3 how many periods the caller knows, 4 the windows it knows, 5 the drops it knows:
--        a period that lost its keys since may have come to the archive after the caller looked there; 6 rev,
--        7 '1' if the archive had the player
-- ANSWER the ids of those it was in; false where there are others by now, -1 where the board is another one
local meta = redis.call('HMGET', KEYS[1], 'windows', 'drops', 'rev')
if meta[3] ~= ARGV[6] then return -1 end
if redis.call('ZCARD', KEYS[2]) ~= tonumber(ARGV[3]) then return false end
if (meta[1] or '') ~= ARGV[4] or (meta[2] or '0') ~= ARGV[5] then return false end
-- Standings that are on their way back from the archive are read again.
local forgets = redis.call('HINCRBY', KEYS[1], 'forgets', 1)
local removed = {}
for n = 5, #KEYS, 3 do
  local key = redis.call('ZSCORE', KEYS[n], ARGV[2])
  if key then
    redis.call('ZREM', KEYS[n], ARGV[2])
    redis.call('HDEL', KEYS[n + 2], ARGV[2])
    local id = string.sub(KEYS[n], #KEYS[1] - 3)
    -- A copy of it that is being made is none any more; if it was made and not confirmed, it is to be made anew.
    if redis.call('HDEL', KEYS[3], id) == 1 then redis.call('ZADD', KEYS[4], 'NX', 0, id) end
    -- Of one that is to be sealed (anew) and has nobody left, an older copy must not be read any more.
    if redis.call('ZCARD', KEYS[n]) == 0 and redis.call('ZSCORE', KEYS[4], id) then
      redis.call('HSET', KEYS[3], id, 'emptied:' .. forgets)
    end
    removed[#removed + 1] = id
    if ARGV[1] == 'dense' and redis.call('ZCOUNT', KEYS[n], key, key) == 0 then
      redis.call('ZREM', KEYS[n + 1], string.format('%.17g', tonumber(key)))
    end
  end
end
if #removed > 0 or ARGV[7] == '1' then redis.call('HINCRBY', KEYS[1], 'version', 1) end
return removed
