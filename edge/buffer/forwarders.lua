-- Say that a forwarder lives, or leaves, and which others do.
-- KEYS: forwarders. ARGV: who it is; milliseconds until it counts as gone, 0 to leave.
-- Returns all that live. The clock is Redis's.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if tonumber(ARGV[2]) > 0 then
  redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZRANGE', KEYS[1], 0, -1)
