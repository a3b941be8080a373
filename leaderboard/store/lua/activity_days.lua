-- Days as numbers in their order, of up to 17 bits: (years since 1899 * 12 + month - 1) * 31 + day - 1.
-- A player's entry is a number of the player's own and the first day: number * DAYS + first day.
local DAYS = 131072

local function number_of(day)
  local y, m, d = string.match(day, '^(%d+)-(%d+)-(%d+)$')
  return ((y - 1899) * 12 + m - 1) * 31 + d - 1
end

local function day_of(number)
  local months = math.floor(number / 31)
  return string.format('%04d-%02d-%02d', math.floor(months / 12) + 1899, months % 12 + 1, number % 31 + 1)
end
