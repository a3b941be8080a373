-- Takes tokens out of the buckets of some players, as many as there are of what is wanted.
-- KEYS   the buckets
-- ARGV   1 tokens that flow in, 2 over so many milliseconds, 3 tokens that a bucket holds, 4 now, Unix milliseconds; ''
--        for the store's clock, then for each bucket: tokens wanted, below 0 those that are given back
-- ANSWER for each bucket: tokens given, tokens left, milliseconds until there is one more, until it is full
-- A bucket is "level at". A token is ARGV[2] units of the level, so each millisecond brings ARGV[1] of them.
--#include limit_clock.lua
local flow, token, now = tonumber(ARGV[1]), tonumber(ARGV[2]), limit_clock(ARGV[4])
local most = ARGV[3] * token
local call, match, floor, ceil, min = redis.call, string.match, math.floor, math.ceil, math.min
local buckets, answer = call('MGET', unpack(KEYS)), {}
for n, key in ipairs(KEYS) do
  local level, at = most, now
  local kept = buckets[n]
  if kept then
    level, at = match(kept, '^(%d+) (%d+)$')
    level, at = tonumber(level), tonumber(at)
    -- A clock that was set back brings nothing, and from then on is the one that counts.
    if now > at then level = level + (now - at) * flow end
    level = min(most, level)
  end
  local given = min(tonumber(ARGV[4 + n]), floor(level / token))
  level = min(most, level - given * token)
  local full = ceil((most - level) / flow)
  -- As text they are exact: a bucket has at most 14 digits.
  if given > 0 or kept then call('SET', key, level .. ' ' .. now, 'PX', full + 1000) end
  local left = floor(level / token)
  local place = 4 * n
  answer[place - 3], answer[place - 2] = given, left
  answer[place - 1] = left > 0 and 0 or ceil((token - level) / flow)
  answer[place] = full
end
return answer
