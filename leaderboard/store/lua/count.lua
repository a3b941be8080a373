-- Adds to counters of one game.
-- KEYS   1 counters, 2 marker
-- ARGV   1 how many counters a game may have, 2 lifetime of the marker in ms (0: no marker), 3 digest of the request,
--        then two a counter: name, what to add
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
local letters, answer = {}, {'', ''}
for n = 4, #ARGV, 2 do
  local name, letter = ARGV[n], 'c'
  if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[1]) and redis.call('HEXISTS', KEYS[1], name) == 0 then
    letter = 'm'
  else
    local value = redis.pcall('HINCRBY', KEYS[1], name, ARGV[n + 1])
    if type(value) == 'table' then
      -- A full store, for one, is no fault of the number; the memory store does not say why.
      local why = type(value.err) == 'string' and value.err or 'overflow'
      if not string.find(why, 'overflow') and not string.find(why, 'out of range') then return value end
      letter = 'r'
    end
  end
  letters[#letters + 1] = letter
  -- As text from the hash: Lua's numbers are doubles, and round beyond 2^53.
  if letter == 'c' then answer[#answer + 1] = redis.call('HGET', KEYS[1], name) end
end
answer[2] = table.concat(letters)
-- What was refused whole may come again, corrected.
if ARGV[2] ~= '0' and string.find(answer[2], 'c') then
  redis.call('SET', KEYS[2], ARGV[3] .. ' ' .. table.concat(answer, ' ', 2), 'PX', ARGV[2])
end
return answer
