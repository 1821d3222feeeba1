-- Append spooled groups of one producer and shard, in their order, each once (INGESTION 2.2, 2.4).
-- KEYS: as append.lua: events, the producer's last group number, counts.
-- ARGV: seconds an unseen producer is remembered; then for each group: its number, number of count
--       pairs, number of events, [count field, increment]*, event*.
-- Returns the last number that is in.
-- An error ends the script, so a later group is never in where an earlier is not: its number would
-- shut the earlier out. Redis refuses the first write where it is out of memory, or none.
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local at = 2
while at <= #ARGV do
  local number = tonumber(ARGV[at])
  local counts = at + 3
  local events = counts + 2 * tonumber(ARGV[at + 1])
  local after = events + tonumber(ARGV[at + 2])
  if number > last then
    for i = events, after - 1 do
      redis.call('XADD', KEYS[1], '*', 'd', ARGV[i])
    end
    redis.call('SET', KEYS[2], ARGV[at], 'EX', ARGV[1])
    for i = counts, events - 1, 2 do
      redis.call('HINCRBY', KEYS[3], ARGV[i], ARGV[i + 1])
    end
    last = number
  end
  at = after
end
return last
