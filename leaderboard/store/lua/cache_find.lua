-- Looks for a finished answer that will do; where there is none, lets one caller make it.
-- KEYS   1 meta, 2 open, 3 standings, 4 answers, 5 lock
-- ARGV   1 rev, 2 name of the answer, 3 when its period ends, Unix milliseconds; '' for one that does not, or a window,
--        4 how old it may be though the board has changed, milliseconds, 5 how many times the time it takes to make it is
--        to be made anew ahead of that age, 6 the version from which on it will do however old; '' for the present one,
--        '-' for none, 7 token, 8 lifetime of the lock, milliseconds, 9 now, Unix milliseconds; '' for the store's clock,
--        10 version and 11 mark of a board with parts: theirs in a row (cache_state.lua); '' for the board's own
-- ANSWER {'other'} the board is another one, or the store takes no writes now; {'hit', version, mark, answer};
--        {'wait', version, mark} somebody makes it; {'build' or 'early', version, mark} the caller is to make it, and
--        holds the lock: `early` while what there is is given to the others. The mark: see mark.lua
--#include mark.lua
--#include versions.lua
local meta = redis.call('HMGET', KEYS[1], 'rev', 'version', 'closed')
if meta[1] ~= ARGV[1] then return {'other'} end
local present, mark = ARGV[10], ARGV[11]
if present == '' then present, mark = meta[2], mark_of(meta[3], ARGV[3]) end

local entry = redis.call('HGET', KEYS[4], ARGV[2])
if entry then
  local rev, version, kept_mark, made, took, at = string.match(entry, '^(%S+) (%S+) (%S+) (%S+) (%S+)\n()')
  if rev == meta[1] and kept_mark == mark then
    local will_do = ARGV[6] == '' and version == present
    if ARGV[6] ~= '' and ARGV[6] ~= '-' then will_do = is_as_new(version, ARGV[6]) end
    if will_do then return {'hit', present, mark, string.sub(entry, at)} end
    local now, most = tonumber(ARGV[9]), tonumber(ARGV[4])
    if not now then
      local time = redis.call('TIME')
      now = time[1] * 1000 + math.floor(time[2] / 1000)
    end
    local age = now - made
    if age >= 0 and age < most then
      local hit = {'hit', present, mark, string.sub(entry, at)}
      if age + took * ARGV[5] < most then return hit end
      local locked = redis.pcall('SET', KEYS[5], ARGV[7], 'NX', 'PX', ARGV[8])
      if not locked or locked.err then return hit end
      return {'early', present, mark}
    end
  end
end
-- The lock may be the caller's own already, where this call is sent again because its answer was lost.
local locked = redis.pcall('SET', KEYS[5], ARGV[7], 'NX', 'PX', ARGV[8])
if locked and locked.err then return {'other'} end -- full, or a replica: it can be read, and nothing be kept
if locked or redis.call('GET', KEYS[5]) == ARGV[7] then return {'build', present, mark} end
return {'wait', present, mark}
