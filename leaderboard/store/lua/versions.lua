-- The version of a board: a number, or those of its parts in a row, 12.7.30.

-- Whether every part of a board was at least as far at one version as at another.
local function is_as_new(version, than)
  local others = string.gmatch(than, '%d+')
  for number in string.gmatch(version, '%d+') do
    if tonumber(number) < tonumber(others()) then return false end
  end
  return true
end
