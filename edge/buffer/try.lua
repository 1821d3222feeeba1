-- Take one try of a bucket that several portals share (docs/adr/0049).
-- KEYS: bucket. ARGV: size; refill a second.
-- Returns 0 if there was one, else the seconds until there will be. The clock is Redis's. A refusal
-- writes nothing, so that whoever goes on trying costs no disk; a full bucket is none.
local size, per_s = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local level = size
if kept[1] then
  level = math.min(size, kept[1] + math.max(0, now - kept[2]) * per_s)
end
if level < 1 then
  return math.max(1, math.ceil((1 - level) / per_s))
end
level = level - 1
redis.call('HSET', KEYS[1], 'level', level, 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil((size - level) / per_s))
return 0
