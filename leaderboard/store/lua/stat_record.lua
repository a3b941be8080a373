-- Records events of one stat and one year.
-- KEYS   1 open, 2 series, 3 admitted, 4 cut, 5 marker, then three an hour: pending, bucket, players. The sketch of a
--        series is at the last with the series' number behind it: what number that is, only the script knows.
-- ARGV   1 packed: {marker_ms (0: no marker), year_expires, combinations {text, name, value, ...}, hours {id, begins,
--        expires (both Unix seconds), groups {combination (0: no properties), count, n, sum, min, max, {players}}}}
-- ANSWER the names of properties that were cut off, with line breaks between; of the first time, if this is not it
--#include stat_figures.lua
--#include stat_series.lua
local batch = cmsgpack.unpack(ARGV[1])
if batch.marker_ms > 0 then
  local done = redis.call('GET', KEYS[5])
  if done then return done end
end

local function find_series()
  local numbers, cuts, fields, is_new = {}, {}, {}, false
  for n, combination in ipairs(batch.combinations) do fields[n] = 'c:' .. combination[1] end
  local known = #fields > 0 and redis.call('HMGET', KEYS[3], unpack(fields)) or {}
  for n, combination in ipairs(batch.combinations) do
    cuts[n] = {}
    is_new = is_new or not known[n]
    numbers[n] = known[n] or admit(KEYS[2], KEYS[3], combination, cuts[n])
  end
  if is_new then redis.call('EXPIREAT', KEYS[3], batch.year_expires) end
  numbers[0] = PLAIN
  return numbers, cuts
end

local numbers, cuts = find_series()
local has_series = #batch.combinations > 0 or redis.call('EXISTS', KEYS[2]) == 1
local cut_counts = {}

local function add_players(prefix, number, players, expires, figures)
  if #players == 0 then return end
  figures[6] = 1 -- there is a sketch to be counted
  local key = players_key(prefix, number)
  redis.call('PFADD', key, unpack(players))
  redis.call('EXPIREAT', key, expires)
end

-- Whether an hour has, or has had, events with properties.
local function is_split(hour, pending, bucket)
  if not has_series then return false end
  for _, group in ipairs(hour[4]) do
    if numbers[group[1]] ~= PLAIN then return true end
  end
  return redis.call('HEXISTS', pending, PLAIN) == 1 or redis.call('HEXISTS', bucket, PLAIN) == 1
end

local function record_hour(hour, pending, bucket, prefix)
  local expires, order, sums, everybody = hour[3], {'0'}, {['0'] = {0, 0, 0, 0, 0}}, {}
  local splits = is_split(hour, pending, bucket)
  if splits then
    split(pending, prefix)
    order[2], sums[PLAIN] = PLAIN, {0, 0, 0, 0, 0}
  end
  for _, group in ipairs(hour[4]) do
    local number = numbers[group[1]]
    local part, players = {group[2], group[3], group[4], group[5], group[6]}, group[7]
    fold(sums['0'], part)
    for _, player in ipairs(players) do everybody[#everybody + 1] = player end
    if splits then
      if not sums[number] then order[#order + 1], sums[number] = number, {0, 0, 0, 0, 0} end
      fold(sums[number], part)
      add_players(prefix, number, players, expires, sums[number])
    end
    for name in pairs(cuts[group[1]] or {}) do cut_counts[name] = (cut_counts[name] or 0) + group[2] end
  end
  add_players(prefix, '0', everybody, expires, sums['0'])
  local old, new = redis.call('HMGET', pending, unpack(order)), {}
  for n, number in ipairs(order) do
    local figures = read_figures(old[n])
    fold(figures, sums[number])
    figures[6] = figures[6] or sums[number][6]
    new[2 * n - 1], new[2 * n] = number, write_figures(figures)
  end
  redis.call('HSET', pending, unpack(new))
  redis.call('EXPIREAT', pending, expires)
  redis.call('ZADD', KEYS[1], hour[2], hour[1])
end

for n, hour in ipairs(batch.hours) do
  record_hour(hour, KEYS[3 + 3 * n], KEYS[4 + 3 * n], KEYS[5 + 3 * n])
end

local names = keep_cut(KEYS[4], cut_counts)
if #names > 0 then redis.call('EXPIREAT', KEYS[4], batch.year_expires) end
local answer = table.concat(names, '\n')
if batch.marker_ms > 0 then redis.call('SET', KEYS[5], answer, 'PX', batch.marker_ms) end
return answer
