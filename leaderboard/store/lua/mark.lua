-- Where a period is: 0, 1 where it is sealed, 2 where its standings are in the archive alone.
-- KEYS   1 meta, 2 open, 3 standings

-- closed: that of meta (see store/keys.py); ends: when the period does, Unix milliseconds; '' for one that does not.
local function mark_of(closed, ends)
  if ends == '' or tonumber(ends) >= tonumber(closed or 0) then return '0' end
  local id = string.sub(KEYS[3], #KEYS[1] - 3) -- the keys differ in what follows the board's prefix
  if redis.call('ZSCORE', KEYS[2], id) then return '0' end
  return redis.call('EXISTS', KEYS[3]) == 1 and '1' or '2'
end
