-- Whether a batch was made for the board as it is: its periods open, its windows those that are live. A caller's clock
-- decides nothing here, so that one who was paused cannot write behind a copy that is being made.

local function situation(batch, slots, meta)
  local closed, drops, windows = tonumber(meta[2] or 0), tonumber(meta[3] or 0), meta[4] or ''
  local missing, behind = {}, windows ~= batch.windows
  for _, slot in ipairs(slots) do
    slot.past = slot.ends ~= nil and slot.ends < closed
    if slot.past and not batch.backfill then behind = true end
    -- A past period without a key may be in the archive: then it must come back before anything is added to it.
    if slot.past and slot.fresh and batch.backfill and slot.closes and slot.absent ~= drops then
      missing[#missing + 1] = slot.id
    end
  end
  if not behind and #missing == 0 then return nil end
  local answer = {'behind', string.format('%.0f', closed), string.format('%.0f', drops), windows}
  for _, id in ipairs(missing) do answer[#answer + 1] = id end
  return answer
end
