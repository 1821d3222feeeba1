-- Record the batch that is about to be written, unless the writer is an old one (INGESTION 3.2).
-- KEYS: lease, generation, plan. ARGV: owner, epoch, generation, plan; the plan that it takes the
--       place of, or nothing.
-- Returns 'ok' or what stands against it: 'lease', 'generation', 'plan' (another one is recorded).
local held = redis.call('HMGET', KEYS[1], 'owner', 'epoch')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then
  return 'lease'
end
if redis.call('GET', KEYS[2]) ~= ARGV[3] then
  return 'generation'
end
local plan = redis.call('GET', KEYS[3])
if plan and plan ~= ARGV[4] and plan ~= ARGV[5] then
  return 'plan'
end
redis.call('SET', KEYS[3], ARGV[4])
return 'ok'
