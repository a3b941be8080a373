-- Adds what is new in some series of a day's hours to those hours, their day, week, month and year, all at once; a
-- second call finds nothing new.
-- KEYS   1 open, two each for day, week, month and year: bucket, players; then three an hour: pending, bucket, players.
--        The sketch of a series is at the players' key with the series' number behind it.
-- ARGV   1 packed: {series, expires {of day, of its players, of week, ...}, hours {id, mark, expires}}; all Unix seconds.
--        A mark is a power of two: the day's field `h` is the sum of those of its hours that were rolled up, so that an
--        hour which was dropped since is not taken for one in which nothing happened.
-- ANSWER {how many hours, how many events} were added
--#include stat_figures.lua
local batch = cmsgpack.unpack(ARGV[1])
local series, first_hour = batch.series, 9
local marks = tonumber(redis.call('HGET', KEYS[2], 'h') or 0)
local added, hours_added = 0, 0
local wide, sources = {}, {}

-- Whether any of all this has events with properties; then all of it is to be split.
local function is_split()
  if #series > 1 or (series[1] and series[1] ~= '0') then return true end
  for n = 2, #KEYS do
    if n < first_hour + 1 and n % 2 == 0 or n > first_hour and (n - first_hour) % 3 ~= 0 then
      if redis.call('HEXISTS', KEYS[n], PLAIN) == 1 then return true end
    end
  end
  return false
end

local function split_all()
  for w = 1, 4 do split(KEYS[2 * w], KEYS[2 * w + 1]) end
  for n = first_hour + 1, #KEYS, 3 do
    -- The bucket first: while it is not split, the sketch has nobody with properties.
    split(KEYS[n + 1], KEYS[n + 2])
    split(KEYS[n], KEYS[n + 2])
  end
end

local function figures_of(key)
  local found = redis.call('HMGET', key, unpack(series))
  for n = 1, #series do found[n] = read_figures(found[n]) end
  return found
end

local function put(key, rows, expires)
  if #rows > 0 then redis.call('HSET', key, unpack(rows)) end
  redis.call('EXPIREAT', key, expires)
end

local function roll_hour(hour, pending, bucket, players)
  local new = redis.call('HMGET', pending, unpack(series))
  local is_marked = math.floor(marks / hour[2]) % 2 == 1
  local is_dropped = is_marked and redis.call('EXISTS', bucket) == 0
  local old, rows, found = figures_of(bucket), {}, false
  for n, number in ipairs(series) do
    if new[n] then
      local part = read_figures(new[n])
      found = true
      if number == '0' then added, hours_added = added + part[1], hours_added + 1 end
      for w = 1, 4 do fold(wide[w][n], part) end
      fold(old[n], part)
      sources[n] = sources[n] or {}
      local key = players_key(players, number)
      if redis.call('EXISTS', key) == 1 then
        table.insert(sources[n], key)
        redis.call('EXPIREAT', key, hour[3])
        old[n][6] = redis.call('PFCOUNT', key)
      end
      rows[#rows + 1], rows[#rows + 2] = number, write_figures(old[n])
    end
  end
  if not found then return end
  redis.call('HDEL', pending, unpack(series))
  if not is_marked then marks = marks + hour[2] end
  if not is_dropped then put(bucket, rows, hour[3]) end
end

if #series > 0 then
  if is_split() then
    split_all()
    if #series == 1 and series[1] == '0' then series[2] = PLAIN end
  end
  for w = 1, 4 do wide[w] = figures_of(KEYS[2 * w]) end
  for n, hour in ipairs(batch.hours) do
    local k = first_hour + 3 * n
    roll_hour(hour, KEYS[k - 2], KEYS[k - 1], KEYS[k])
  end
end

-- The day takes in its hours, the wider ones the day, or the hour where it is just one.
local function merge_players(n, number)
  for w = 1, 4 do
    local key, known = players_key(KEYS[2 * w + 1], number), wide[w][n][6] or 0
    if known ~= 0 and redis.call('EXISTS', key) == 0 then known = -1 end -- gone, and so is who was counted
    local from = (w == 1 or #sources[n] == 1) and sources[n] or {players_key(KEYS[3], number)}
    -- The destination is one of the sources anyway; the memory store needs to be told.
    redis.call('PFMERGE', key, key, unpack(from))
    redis.call('EXPIREAT', key, batch.expires[2 * w])
    wide[w][n][6] = known < 0 and -1 or redis.call('PFCOUNT', key)
  end
end

for n, number in ipairs(series) do
  if sources[n] and #sources[n] > 0 then merge_players(n, number) end
end
if next(sources) then
  for w = 1, 4 do
    local rows = w == 1 and {'h', text(marks)} or {}
    for n, number in ipairs(series) do
      if sources[n] then rows[#rows + 1], rows[#rows + 2] = number, write_figures(wide[w][n]) end
    end
    put(KEYS[2 * w], rows, batch.expires[2 * w - 1])
  end
end
for n, hour in ipairs(batch.hours) do
  if redis.call('EXISTS', KEYS[first_hour + 3 * n - 2]) == 0 then redis.call('ZREM', KEYS[1], hour[1]) end
end
return {hours_added, added}
