-- The distinct scores of a board with dense ranks: one member a key, named by it.

local function forget_level(slot, old) -- a distinct score that nobody has any more
  if old and redis.call('ZCOUNT', slot.standings, old, old) == 0 then
    redis.call('ZREM', slot.dense, string.format('%.17g', tonumber(old)))
  end
end
