-- Keeps when players did something, to the second. May run again: a time that is there is not added.
-- KEYS   1 days, then the shards
-- ARGV   1 packed: {now, when `days` expires, seconds that shards outlive their times, days}, all times Unix seconds;
--        each day {id, until when its times are kept if these are the first, shards}; each shard {number of its key,
--        players}; each player {field, the times in order, as seconds since the day began}
-- ANSWER how many players have times that they did not have
local MOST, FIRST = 21, 11 -- of a player's times, the first and the last ones: 63 bytes and the mark that some are cut
local now, expires, spare, days = unpack(cmsgpack.unpack(ARGV[1]))

local function unpacked(text)
  local times = {}
  for n = 1, #text - 2, 3 do
    local high, middle, low = string.byte(text, n, n + 2)
    times[#times + 1] = high * 65536 + middle * 256 + low
  end
  return times
end

local function packed(times, cut)
  local parts = {}
  for n, t in ipairs(times) do
    if n <= FIRST or n > #times - MOST + FIRST then
      parts[#parts + 1] = string.char(math.floor(t / 65536), math.floor(t / 256) % 256, t % 256)
    end
  end
  if cut or #times > MOST then parts[#parts + 1] = '+' end
  return table.concat(parts)
end

local function merged(old, more)
  local times = unpacked(old)
  for _, t in ipairs(more) do
    local place = #times
    while place > 0 and times[place] > t do place = place - 1 end
    if times[place] ~= t then table.insert(times, place + 1, t) end
  end
  return packed(times, #old % 3 == 1)
end

-- Answers how many players of a shard have new times.
local function add(key, players, ends)
  local fields, changes = {}, {}
  for n, player in ipairs(players) do fields[n] = player[1] end
  for n, old in ipairs(redis.call('HMGET', key, unpack(fields))) do
    local new = merged(old or '', players[n][2])
    if new ~= old then changes[#changes + 1], changes[#changes + 2] = fields[n], new end
  end
  if #changes == 0 then return 0 end
  local added = redis.call('HSET', key, unpack(changes))
  if added > 0 and redis.call('HLEN', key) == added then redis.call('EXPIREAT', key, ends + spare) end
  return #changes / 2
end

local function record(id, ends, shards)
  local entry = redis.call('HGET', KEYS[1], id) or string.format('%d 0 0 0', ends)
  local kept, added, removed, late = string.match(entry, '(%d+) (%d+) (%d+) (%d)')
  local changed = 0
  if now >= tonumber(kept) then
    late = 1 -- What the day had is gone. With these alone it would look whole.
  else
    for _, shard in ipairs(shards) do changed = changed + add(KEYS[shard[1]], shard[2], tonumber(kept)) end
    if changed > 0 then added = added + 1 end
  end
  redis.call('HSET', KEYS[1], id, string.format('%d %d %d %d', kept, added, removed, late))
  return changed
end

local changed = 0
for _, day in ipairs(days) do changed = changed + record(unpack(day)) end
redis.call('EXPIREAT', KEYS[1], expires, 'NX')
redis.call('EXPIREAT', KEYS[1], expires, 'GT')
return changed
