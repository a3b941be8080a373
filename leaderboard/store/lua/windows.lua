-- What a rolling window holds for a player, as a function of its buckets: best the best of them, the oldest one's among
-- equals; last the newest; sum their sum. A rule is {operator, late (ties go to the last), packed, limits, time_bits}.

local BIGGEST = math.ldexp(2 ^ 53 - 1, 971)

-- keys: a player's key (a number) in each bucket that has one, newest first. Answers the window's key, and the place
-- in `keys` of the one whose metadata goes with it.
local function combine(rule, keys)
  if rule.operator == 'sum' then
    if rule.packed then return sum_of_packed(keys, rule.limits), 1 end
    local sum = 0
    for n = #keys, 1, -1 do sum = sum + keys[n] end
    return math.max(-BIGGEST, math.min(BIGGEST, sum)), 1 -- never infinite, whatever the days add up to
  end
  local best, from = keys[1], 1
  if rule.operator == 'last' then return best, from end
  for n = 2, #keys do
    local better = keys[n] <= best
    if rule.late then better = floor_key(keys[n], rule.time_bits) <= floor_key(best, rule.time_bits) end
    if better then best, from = keys[n], n end
  end
  return best, from
end

-- Makes a player's standing in a window what its buckets say. slot: the window's keys and its buckets' triples (those of
-- `buckets`, newest first: {standings, dense, metadata}). Answers whether it moved.
local function derive(rule, slot, buckets, player, ties, with_metadata)
  local keys, places = {}, {}
  for n, bucket in ipairs(buckets) do
    local key = redis.call('ZSCORE', bucket[1], player)
    if key then keys[#keys + 1], places[#places + 1] = tonumber(key), n end
  end
  if #keys == 0 then return false end
  local new, from = combine(rule, keys)
  new = string.format('%.17g', new)
  local old = redis.call('ZSCORE', slot.standings, player)
  local moved = not old or tonumber(old) ~= tonumber(new)
  if moved then
    redis.call('ZADD', slot.standings, new, player)
    if ties == 'dense' then
      forget_level(slot, old)
      redis.call('ZADD', slot.dense, new, string.format('%.17g', tonumber(new)))
    end
  end
  if with_metadata then
    local metadata = redis.call('HGET', buckets[places[from]][3], player)
    if metadata then
      redis.call('HSET', slot.metadata, player, metadata)
    else
      redis.call('HDEL', slot.metadata, player)
    end
  end
  return moved
end
