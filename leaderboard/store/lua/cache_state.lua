-- What finished answers about one part of a board go by.
-- KEYS   1 meta, 2 open, 3 standings
-- ARGV   1 when the period ends, Unix milliseconds; '' for one that does not, or a window
-- ANSWER {rev, version, mark (see mark.lua)}
--#include mark.lua
local meta = redis.call('HMGET', KEYS[1], 'rev', 'version', 'closed')
return {meta[1], meta[2], mark_of(meta[3], ARGV[1])}
