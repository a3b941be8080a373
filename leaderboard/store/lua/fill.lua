-- Brings some rows of one bucket into a rolling window that is being built.
-- KEYS   1 meta, 2 to 4 standings, dense and metadata of the window, then the same of each bucket, newest first
-- ARGV   1 what holds for the whole window, packed: {rev, window, rule (windows.lua), ties, derived, metadata, expires};
--        2 which bucket, 3 how many rows, then where it goes on: 4 key and 5 player of the last row done
-- ANSWER {} where the window is not wanted any more, else {rows done, key and player of the last one}
--#include packed.lua
--#include sum.lua
--#include search.lua
--#include levels.lua
--#include windows.lua
local job = cmsgpack.unpack(ARGV[1])
local meta = redis.call('HMGET', KEYS[1], 'rev', 'windows')
if meta[1] ~= job.rev or not string.find(' ' .. (meta[2] or '') .. ' ', ' ' .. job.window .. '*', 1, true) then return {} end
local target, buckets = {standings = KEYS[2], dense = KEYS[3], metadata = KEYS[4]}, {}
for n = 5, #KEYS, 3 do buckets[#buckets + 1] = {KEYS[n], KEYS[n + 1], KEYS[n + 2]} end
local bucket = buckets[tonumber(ARGV[2])][1]
local start = ARGV[4] and index_after(bucket, ARGV[4], ARGV[5]) or 0
local rows = redis.call('ZRANGE', bucket, start, start + ARGV[3] - 1, 'WITHSCORES')
if #rows == 0 then return {0} end

if job.derived or job.ties == 'dense' then
  for n = 1, #rows, 2 do
    -- Who is there already was derived since the window was begun, and again whenever a bucket changed.
    if not (job.derived and redis.call('ZSCORE', target.standings, rows[n])) then
      derive(job.rule, target, buckets, rows[n], job.ties, job.metadata)
    end
  end
else
  for n = 1, #rows, 2 do redis.call('ZADD', target.standings, 'LT', rows[n + 1], rows[n]) end
end
for n = 2, 4 do redis.call('EXPIREAT', KEYS[n], job.expires) end
return {#rows / 2, rows[#rows], rows[#rows - 1]}
