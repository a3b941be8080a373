-- Unix milliseconds: those that are given, or by the store's clock.
local function limit_clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
