-- The periods of one name that have data, newest first.
-- KEYS   1 meta, 2 known
-- ARGV   1 name, 2 how many to pass over, 3 how many at most (-1 for all)
-- ANSWER {rev, version, members}
local meta = redis.call('HMGET', KEYS[1], 'rev', 'version')
-- ';' is the character after ':', so these are all members that begin with the name and a colon.
local first, last = '(' .. ARGV[1] .. ';', '[' .. ARGV[1] .. ':'
local members = redis.call('ZRANGE', KEYS[2], first, last, 'BYLEX', 'REV', 'LIMIT', ARGV[2], ARGV[3])
return {meta[1], meta[2], members}
