-- The periods of a board that have keys older than those to be kept.
-- KEYS   1 known
-- ARGV   1 how many at most of each name, then pairs: a period name, the first id that is still kept
-- ANSWER {member of known, ...}
local old = {}
for n = 2, #ARGV, 2 do
  local first, last = '[' .. ARGV[n] .. ':', '(' .. ARGV[n] .. ':' .. ARGV[n + 1]
  for _, member in ipairs(redis.call('ZRANGE', KEYS[1], first, last, 'BYLEX', 'LIMIT', 0, ARGV[1])) do
    old[#old + 1] = member
  end
end
return old
