-- Which series a combination of properties goes to. A year admits so many property names, values of each, and
-- combinations; what is beyond goes to `other`, so that no property can fill the memory.
-- In `admitted`: n (names), n:<name> (values of it), v:<name>=<value>, c (combinations), c:<combination> -> its series.
local MOST_NAMES, MOST_VALUES, MOST_COMBINATIONS = 16, 300, 2000
local OTHER = 'other'
local MOST_CUT = 50 -- names that are told one by one; the rest are together under this one:
local MANY = '...'

-- The number of a combination's series: a new one the first time, for all years. That of no properties at all is 1.
local function series_number(series, combination)
  redis.call('HSETNX', series, '', PLAIN)
  local number = redis.call('HGET', series, combination)
  if number then return number end
  number = tostring(redis.call('HLEN', series) + 1)
  redis.call('HSET', series, combination, number)
  return number
end

local function admit_value(admitted, name, value, cut)
  local values = redis.call('HGET', admitted, 'n:' .. name)
  if not values then
    if tonumber(redis.call('HGET', admitted, 'n') or 0) >= MOST_NAMES then
      cut[name] = true
      return nil
    end
    redis.call('HINCRBY', admitted, 'n', 1)
    redis.call('HSET', admitted, 'n:' .. name, 0)
    values = 0
  end
  local field = 'v:' .. name .. '=' .. value
  if value == OTHER or redis.call('HEXISTS', admitted, field) == 1 then return value end
  if tonumber(values) >= MOST_VALUES then
    cut[name] = true
    return OTHER
  end
  redis.call('HSET', admitted, field, 1)
  redis.call('HINCRBY', admitted, 'n:' .. name, 1)
  return value
end

local function spell(pairs_of)
  local lines = {}
  for n, pair in ipairs(pairs_of) do lines[n] = pair[1] .. '=' .. pair[2] end
  return table.concat(lines, '\n')
end

-- Makes the value `other` whose property has the most values; false when all are.
local function coarsen(admitted, pairs_of, cut)
  local widest, most = nil, -1
  for _, pair in ipairs(pairs_of) do
    local values = tonumber(redis.call('HGET', admitted, 'n:' .. pair[1]) or 0)
    if pair[2] ~= OTHER and values > most then widest, most = pair, values end
  end
  if not widest then return false end
  widest[2], cut[widest[1]] = OTHER, true
  return true
end

-- The series of a combination {text, name, value, name, value, ...} that the year has not admitted yet; notes in `cut`
-- which properties it lost or had changed.
local function admit(series, admitted, combination, cut)
  local kept = {}
  for n = 2, #combination, 2 do
    local value = admit_value(admitted, combination[n], combination[n + 1], cut)
    if value then kept[#kept + 1] = {combination[n], value} end
  end
  local room = MOST_COMBINATIONS
  while true do
    local spelled = spell(kept)
    local known = redis.call('HGET', admitted, 'c:' .. spelled)
    if known then return known end
    if tonumber(redis.call('HGET', admitted, 'c') or 0) < room then
      local number = series_number(series, spelled)
      redis.call('HSET', admitted, 'c:' .. spelled, number)
      redis.call('HINCRBY', admitted, 'c', 1)
      return number
    end
    if not coarsen(admitted, kept, cut) then
      for _, pair in ipairs(kept) do cut[pair[1]] = true end
      return PLAIN
    end
    room = 2 * MOST_COMBINATIONS -- the coarser ones have room of their own
  end
end

-- Adds up how many events lost something of each property, and keeps that; answers the names, in order.
local function keep_cut(key, counts)
  local kept, names = {}, {}
  for name, count in pairs(counts) do
    if redis.call('HEXISTS', key, name) == 0 and redis.call('HLEN', key) >= MOST_CUT then name = MANY end
    redis.call('HINCRBY', key, name, count)
    if not kept[name] then kept[name], names[#names + 1] = true, name end
  end
  table.sort(names)
  return names
end
