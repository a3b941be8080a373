-- Figures of a bucket: {count, n, sum, min, max, players}, of which min and max mean nothing where n is 0, and players is
-- how many were counted when the bucket was last rolled up; -1 if a sketch of them was gone then, so that nobody knows;
-- nil where there were none; in what is pending just 1 if there are some. As text they stand side by side.
local MOST = 1.7976931348623157e308 -- a sum that leaves the doubles stays at their end: no infinity, never a NaN

local function text(number)
  local short = string.format('%.15g', number)
  return tonumber(short) == number and short or string.format('%.17g', number)
end

local function read_figures(written)
  if not written then return {0, 0, 0, 0, 0} end
  local figures = {}
  for one in string.gmatch(written, '%S+') do figures[#figures + 1] = tonumber(one) end
  return figures
end

local function write_figures(figures)
  local written = {}
  for n = 1, 5 do written[n] = text(figures[n]) end
  if figures[6] then written[6] = text(figures[6]) end
  return table.concat(written, ' ')
end

-- Adds the second to the first.
local function fold(figures, more)
  figures[1] = figures[1] + more[1]
  if more[2] == 0 then return end
  if figures[2] == 0 then
    figures[4], figures[5] = more[4], more[5]
  else
    figures[4], figures[5] = math.min(figures[4], more[4]), math.max(figures[5], more[5])
  end
  figures[2] = figures[2] + more[2]
  figures[3] = math.max(-MOST, math.min(MOST, figures[3] + more[3]))
end

-- Series 0 is all events, 1 those without properties. As long as a bucket or what is pending of an hour has no others,
-- all of it is without properties, and there is no series 1 in it: it is split when the first other one comes.
local PLAIN = '1'

-- Where the sketch of a series' players is.
local function players_key(prefix, number)
  return number == '0' and prefix or prefix .. number
end

-- Splits a bucket that has something and is not split.
local function split(bucket, players)
  local found = redis.call('HMGET', bucket, '0', PLAIN)
  if found[1] and not found[2] then
    redis.call('HSET', bucket, PLAIN, found[1])
    local all, plain = players_key(players, '0'), players_key(players, PLAIN)
    if redis.call('EXISTS', all) == 1 then
      redis.call('PFMERGE', plain, all) -- not COPY: in the memory store that makes two names of one sketch
      redis.call('EXPIREAT', plain, redis.call('EXPIRETIME', all))
    end
  end
end
