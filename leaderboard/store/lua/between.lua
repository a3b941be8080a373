-- What lies between some keys in one part of a board, by samples at even distances.
-- KEYS   see pages.lua
-- ARGV   1 how many samples at most, then two a range: the keys it lies between, itself without them; -inf and +inf
-- ANSWER {stamp, {rows with a smaller key than the first, with one at most as great, rows in the range, with a key at
--        most as great as the last, {key ...}} a range}: the samples have the indices floor(n * (rows - 1) /
--        (samples - 1)) within the range, or are all of it
--#include pages.lua
local answer, most = stamp(), tonumber(ARGV[1])
for n = 2, #ARGV, 2 do
  local low, high, keys = ARGV[n], ARGV[n + 1], {}
  local below = low == '-inf' and 0 or redis.call('ZCOUNT', KEYS[2], '-inf', '(' .. low)
  local upto = low == '-inf' and 0 or redis.call('ZCOUNT', KEYS[2], '-inf', low)
  local first, last = low == '-inf' and low or '(' .. low, high == '+inf' and high or '(' .. high
  local inside = redis.call('ZCOUNT', KEYS[2], first, last)
  local upto_last = redis.call('ZCOUNT', KEYS[2], '-inf', high)
  if inside <= most then
    local rows = inside > 0 and redis.call('ZRANGE', KEYS[2], upto, upto + inside - 1, 'WITHSCORES') or {}
    for r = 2, #rows, 2 do keys[#keys + 1] = rows[r] end
  else
    for r = 0, most - 1 do
      local index = upto + math.floor(r * (inside - 1) / (most - 1))
      keys[#keys + 1] = redis.call('ZRANGE', KEYS[2], index, index, 'WITHSCORES')[2]
    end
  end
  answer[#answer + 1] = {below, upto, inside, upto_last, keys}
end
return answer
