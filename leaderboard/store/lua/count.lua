-- Adds to counters of one game.
-- KEYS   1 counters, 2 marker
-- ARGV   1 how many counters a game may have, 2 lifetime of the marker in ms (0: no marker), 3 digest of the request,
--        then two a counter: name, what to add, in parts of 64 bits with spaces between
-- ANSWER {digest of the request that was answered so before or '', letters, value, ...}: a letter each, `c` counted,
--        `r` it would leave 64 bits, `m` there are too many; and the value of each that was counted
if ARGV[2] ~= '0' then
  local done = redis.call('GET', KEYS[2])
  if done then
    local answer = {}
    for part in string.gmatch(done, '%S+') do answer[#answer + 1] = part end
    return answer
  end
end

-- Adds all parts or nothing. They have one sign, so that no part leaves 64 bits unless their sum does. Answers an error
-- that is no fault of the number, and whether it was added.
local function add(name, parts)
  local is_new, added = redis.call('HEXISTS', KEYS[1], name) == 0, {}
  for part in string.gmatch(parts, '%S+') do
    local value = redis.pcall('HINCRBY', KEYS[1], name, part)
    if type(value) == 'table' then
      for _, one in ipairs(added) do redis.call('HINCRBY', KEYS[1], name, one) end
      if is_new then redis.call('HDEL', KEYS[1], name) end
      -- A full store, for one; the memory store does not say why.
      local why = type(value.err) == 'string' and value.err or 'overflow'
      if not string.find(why, 'overflow') and not string.find(why, 'out of range') then return value, false end
      return nil, false
    end
    added[#added + 1] = string.sub(part, 1, 1) == '-' and string.sub(part, 2) or '-' .. part
  end
  return nil, true
end

local letters, answer = {}, {'', ''}
for n = 4, #ARGV, 2 do
  local name, letter = ARGV[n], 'c'
  if ARGV[n + 1] == '0' then
    letter = 'c' -- adds nothing, and makes none
  elseif redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[1]) and redis.call('HEXISTS', KEYS[1], name) == 0 then
    letter = 'm'
  else
    local problem, is_added = add(name, ARGV[n + 1])
    if problem then return problem end
    if not is_added then letter = 'r' end
  end
  letters[#letters + 1] = letter
  -- As text from the hash: Lua's numbers are doubles, and round beyond 2^53.
  if letter == 'c' then answer[#answer + 1] = redis.call('HGET', KEYS[1], name) or '0' end
end
answer[2] = table.concat(letters)
-- What was refused whole may come again, corrected.
if ARGV[2] ~= '0' and string.find(answer[2], 'c') then
  redis.call('SET', KEYS[2], ARGV[3] .. ' ' .. table.concat(answer, ' ', 2), 'PX', ARGV[2])
end
return answer
