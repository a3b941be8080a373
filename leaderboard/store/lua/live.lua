-- Changes the list of the rolling windows that are kept up to date.
-- KEYS   1 meta, 2 to 4 the window's keys
-- ARGV   1 rev, 2 'build' (it is new, and being built), 'ready' or 'drop', 3 the window, such as 7d:2026-11-22
-- ANSWER the list, or false where the board is another one
local meta = redis.call('HMGET', KEYS[1], 'rev', 'windows')
if meta[1] ~= ARGV[1] then return false end
local state, others = nil, {}
for name, star in string.gmatch(meta[2] or '', '([^ *]+)(%*?)') do
  if name == ARGV[3] then state = star else others[#others + 1] = name .. star end
end
if ARGV[2] == 'ready' then
  if not state then return meta[2] or '' end
  others[#others + 1] = ARGV[3]
elseif ARGV[2] == 'build' then
  if state then return meta[2] end
  redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4])
  others[#others + 1] = ARGV[3] .. '*'
else
  redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4])
end
table.sort(others)
local list = table.concat(others, ' ')
redis.call('HSET', KEYS[1], 'windows', list)
if ARGV[2] == 'ready' then redis.call('HINCRBY', KEYS[1], 'version', 1) end
return list
