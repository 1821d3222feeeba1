-- Give a stream that has no states of visits yet those that were found in the tables (INGESTION 3.6).
-- Long lists go in pieces: the first removes what a writer that died left, the last brings the field
-- `state`, without which nobody takes the others for whole.
-- KEYS: lease, generation, plan, visits. ARGV: owner, epoch, generation, 'first' or '', then
--       [visit, state]*.
-- Returns 'ok' or what stands against it: 'lease', 'generation', 'plan' (one is recorded).
local held = redis.call('HMGET', KEYS[1], 'owner', 'epoch')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then
  return 'lease'
end
if redis.call('GET', KEYS[2]) ~= ARGV[3] then
  return 'generation'
end
if redis.call('EXISTS', KEYS[3]) == 1 then
  return 'plan'
end
if redis.call('HEXISTS', KEYS[4], 'state') == 1 then
  return 'ok'
end
if ARGV[4] == 'first' then
  redis.call('DEL', KEYS[4])
end
redis.call('HSET', KEYS[4], unpack(ARGV, 5))
return 'ok'
