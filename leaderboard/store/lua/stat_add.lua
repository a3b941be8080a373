-- What recording and rolling up share.
-- A part is {count, n, sum, min, max}: numbers, of which the last three mean nothing where n is 0.
local MOST = 1.7976931348623157e308 -- a sum that leaves the doubles stays at their end: no infinity, never a NaN

local function text(number) return string.format('%.17g', number) end

local function plus(old, more)
  return text(math.max(-MOST, math.min(MOST, (tonumber(old or 0)) + more)))
end

-- Adds a part to a bucket; for an hour also to what its day does not have yet.
local function add(key, part, is_hour)
  local old = redis.call('HMGET', key, 'count', 'n', 'sum', 'min', 'max', 'new_count', 'new_n', 'new_sum')
  local new = {'count', plus(old[1], part[1])}
  local function put(field, value) new[#new + 1], new[#new + 2] = field, value end
  if is_hour then put('new_count', plus(old[6], part[1])) end
  if part[2] > 0 then
    put('n', plus(old[2], part[2]))
    put('sum', plus(old[3], part[3]))
    if not old[4] or part[4] < tonumber(old[4]) then put('min', text(part[4])) end
    if not old[5] or part[5] > tonumber(old[5]) then put('max', text(part[5])) end
    if is_hour then
      put('new_n', plus(old[7], part[2]))
      put('new_sum', plus(old[8], part[3]))
    end
  end
  redis.call('HSET', key, unpack(new))
end
