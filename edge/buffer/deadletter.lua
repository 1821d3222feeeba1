-- Move one dead letter on, once, however often this is sent: back into the stream, or out.
-- KEYS: dead, counts, events. ARGV: id in the dead-letter stream; 'replay' and the body, or 'drop' and
--       the reason.
-- Returns 1 if it was moved now, 0 if it is no longer there.
local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not letter then
  return 0
end
-- Letters of the first releases name no site, and were counted as dropped under site 0.
local site, state = '0', '0:dropped:unreadable'
for i = 1, #letter[2], 2 do
  if letter[2][i] == 'site' then
    site, state = letter[2][i + 1], letter[2][i + 1] .. ':dead'
  end
end
if ARGV[2] == 'replay' then
  redis.call('XADD', KEYS[3], '*', 'd', ARGV[3])
else
  redis.call('HINCRBY', KEYS[2], site .. ':dropped:' .. ARGV[3], 1)
end
redis.call('HINCRBY', KEYS[2], state, -1)
redis.call('XDEL', KEYS[1], ARGV[1])
return 1
