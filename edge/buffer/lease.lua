-- Take, renew or give back the right to write a shard (INGESTION 3.1).
-- KEYS: lease. ARGV: owner; epoch held, 0 to take; milliseconds from now, 0 to give back.
-- Returns the epoch held, or 0 if the shard is another's. The clock is Redis's, and only decides when
-- another may try: what protects the tables is the epoch, which plan.lua and commit.lua compare.
local held = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'until')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch = tonumber(held[2] or '0')
local mine = tonumber(ARGV[2])
if mine > 0 then
  if held[1] ~= ARGV[1] or epoch ~= mine then
    return 0
  end
else
  if held[1] and held[1] ~= ARGV[1] and tonumber(held[3]) > now then
    return 0
  end
  epoch = epoch + 1
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'epoch', epoch, 'until', now + ARGV[3])
return epoch
