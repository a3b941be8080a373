-- The periods of a board that were sealed and not confirmed.
-- KEYS   1 open, 2 closing
-- ANSWER {period id, token, ...}
local found, tokens = {}, redis.call('HGETALL', KEYS[2])
for n = 1, #tokens, 2 do
  if not redis.call('ZSCORE', KEYS[1], tokens[n]) then
    found[#found + 1], found[#found + 2] = tokens[n], tokens[n + 1]
  end
end
return found
