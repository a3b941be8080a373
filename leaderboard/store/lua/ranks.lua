-- Ranks, for every tie rule. Keys are text, as the store gives them.

local function shared_rank(standings, key)
  return redis.call('ZCOUNT', standings, '-inf', '(' .. key) + 1
end

-- ties: 'shared', 'dense' or 'unique'; dense is the key of the distinct scores.
local function rank_of(ties, standings, dense, member, key)
  if ties == 'unique' then return redis.call('ZRANK', standings, member) + 1 end
  if ties == 'dense' then return shared_rank(dense, key) end
  return shared_rank(standings, key)
end
