-- Keeps the plan of an idempotent request unless one is there, or its answer in the plan's place.
-- KEYS   1 plan
-- ARGV   1 what to keep, 2 its lifetime in ms, 3 '1' to keep it in the place of what is there
-- ANSWER what was there and stays; nil where this is kept
if ARGV[3] ~= '1' then
  local kept = redis.call('GET', KEYS[1])
  if kept then return kept end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
