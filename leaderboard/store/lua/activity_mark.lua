-- Marks players active on a day, and notes whose first day it is. May run again: what is marked stays as it is.
-- KEYS   1 players, 2 next, 3 days, 4 lost; then what names begin with: 5 active, 6 cohorts. The names go on with a day
--        and a segment, which only the store can tell: they follow from the players' numbers and first days. All have
--        the tag of the game, so they lie where the declared keys do.
-- ARGV   1 different players, packed; 2 day id; 3 until when the day is kept at least, 4 now, both Unix seconds;
--        5 how many numbers a segment has
-- ANSWER how many are marked that were not
--#include activity_days.lua
local day, day_number, size = ARGV[2], number_of(ARGV[2]), tonumber(ARGV[5])
local kept, expires = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[2])), tonumber(ARGV[3])

-- The keys outlive the time until which readers use them, so that no reader finds a day half gone. Whole days, so that
-- late events do not move it every second: it must be moved for all segments of the day at once.
local function lifetime(at) return (math.floor(at / 86400) + 2) * 86400 end

local function put(segments, number)
  local segment = math.floor(number / size)
  local offsets = segments[segment]
  if not offsets then
    offsets = {}
    segments[segment] = offsets
  end
  offsets[#offsets + 1] = number - segment * size
end

-- Notes new players, and the day as the first one of those who have no earlier one. Answers by segment the numbers of
-- all, of those whose first day it is now, and by their day of those whose first day another one was.
local function note(players)
  local entries, coming, fields = redis.call('HMGET', KEYS[1], unpack(players)), 0, {}
  local all, joining, leaving = {}, {}, {}
  for i = 1, #players do coming = coming + (entries[i] and 0 or 1) end
  local next = coming > 0 and redis.call('INCRBY', KEYS[2], coming) - coming
  for i = 1, #players do
    local entry, number, first = tonumber(entries[i]), next, nil
    if entry then
      first = entry % DAYS
      number = (entry - first) / DAYS
    else
      next = next + 1
    end
    put(all, number)
    if not first or first > day_number then
      fields[#fields + 1] = players[i]
      fields[#fields + 1] = string.format('%.0f', number * DAYS + day_number)
      put(joining, number)
      if first then
        leaving[first] = leaving[first] or {}
        put(leaving[first], number)
      end
    end
  end
  if #fields > 0 then redis.call('HSET', KEYS[1], unpack(fields)) end
  return all, joining, leaving
end

-- One command for many bits: an entry less in the store's log for each.
local function write_bits(key, offsets, bit)
  local words = {}
  for i = 1, #offsets do
    local at = 4 * i
    words[at - 3], words[at - 2], words[at - 1], words[at] = 'SET', 'u1', offsets[i], bit
  end
  redis.call('BITFIELD', key, unpack(words))
end

-- Those offsets whose bit is not set in a text. It mostly is: to look at the text is quicker than to ask for each.
local function missing(text, offsets)
  local found = {}
  for i = 1, #offsets do
    local byte, mask = string.byte(text, math.floor(offsets[i] / 8) + 1), 2 ^ (7 - offsets[i] % 8)
    if not byte or byte % (2 * mask) < mask then found[#found + 1] = offsets[i] end
  end
  return found
end

-- Sets bits of one segment of the day; answers how many were not set.
local function set_bits(beginning, segment, offsets, full)
  local key = beginning .. day .. ':' .. segment
  local text = redis.call('GET', key)
  local new = text and missing(text, offsets) or offsets
  if #new == 0 then return 0 end
  -- A string that grows is given twice the room that it needs; one that is made whole is not.
  if not text and full then redis.call('SETBIT', key, size - 1, 0) end
  write_bits(key, new, '1')
  if not text then redis.call('EXPIREAT', key, lifetime(expires)) end
  return #new
end

-- Takes players out of cohorts where these are still there: made anew they would have no lifetime.
local function leave(cohorts)
  for first, segments in pairs(cohorts) do
    for segment, offsets in pairs(segments) do
      local key = KEYS[6] .. day_of(first) .. ':' .. segment
      if redis.call('EXISTS', key) == 1 then write_bits(key, offsets, '0') end
    end
  end
end

-- Keeps the day until it expires, all of it alike.
local function keep(last)
  if kept and kept >= expires then
    expires = kept
    return
  end
  redis.call('ZADD', KEYS[3], expires, day)
  if not kept or lifetime(kept) == lifetime(expires) then return end
  for segment = 0, last do
    redis.call('EXPIREAT', KEYS[5] .. day .. ':' .. segment, lifetime(expires))
    redis.call('EXPIREAT', KEYS[6] .. day .. ':' .. segment, lifetime(expires))
  end
end

local all, joining, leaving = note(cmsgpack.unpack(ARGV[1]))
leave(leaving)
-- What a day had that is not kept any more is gone. With new marks it would look whole, so it gets none.
if kept and kept <= tonumber(ARGV[4]) or redis.call('GETBIT', KEYS[4], day_number) == 1 then return 0 end
local last, marked = math.floor((redis.call('GET', KEYS[2]) - 1) / size), 0
keep(last)
for segment, offsets in pairs(all) do marked = marked + set_bits(KEYS[5], segment, offsets, segment < last) end
for segment, offsets in pairs(joining) do set_bits(KEYS[6], segment, offsets, false) end
return marked
