-- Append one group of events once, however often it is sent (INGESTION 2.2).
-- KEYS: events, the producer's last group number, counts.
-- ARGV: group number; seconds an unseen producer is remembered; number of count pairs; then
--       [count field, increment]*; then the events.
-- Returns 1 if the group was taken now, 0 if its number had been seen.
-- The first write is one that Redis refuses when it is out of memory, so a refusal leaves no trace.
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
if tonumber(ARGV[1]) <= last then
  return 0
end
local first = 4 + 2 * tonumber(ARGV[3])
for i = first, #ARGV do
  redis.call('XADD', KEYS[1], '*', 'd', ARGV[i])
end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
for i = 4, first - 1, 2 do
  redis.call('HINCRBY', KEYS[3], ARGV[i], ARGV[i + 1])
end
return 1
