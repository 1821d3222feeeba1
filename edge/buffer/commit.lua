-- Finish a batch that is in the tables: all of it or nothing, and only for its writer (INGESTION 3.3).
-- KEYS: lease, generation, plan, done, visits, events, counts, dead.
-- ARGV: owner, epoch, generation, plan, last id, first id to keep, longest dead-letter stream,
--       number of visit fields, of visits to forget, of counts, of dead letters, of letters that are
--       erased; then [visit, state]*, visit*, [count field, increment]*,
--       [entry id, site, why, size, body]*, [letter id, site]*.
-- What a full dead-letter stream pushes out is dropped, and counted so.
-- Returns 'ok' or what stands against it: 'lease', 'generation', 'plan'.
local held = redis.call('HMGET', KEYS[1], 'owner', 'epoch')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then
  return 'lease'
end
if redis.call('GET', KEYS[2]) ~= ARGV[3] then
  return 'generation'
end
if redis.call('GET', KEYS[3]) ~= ARGV[4] then
  return 'plan'
end
-- Lua passes at most some thousand arguments on, so long lists go in pieces.
local function each_piece(command, key, from, to)
  for i = from, to, 1000 do
    redis.call(command, key, unpack(ARGV, i, math.min(i + 999, to)))
  end
end
local at = 13
local states = at + 2 * ARGV[8] - 1
each_piece('HSET', KEYS[5], at, states)
local forgotten = states + ARGV[9]
each_piece('HDEL', KEYS[5], states + 1, forgotten)
local counts = forgotten + 2 * ARGV[10]
for i = forgotten + 1, counts, 2 do
  redis.call('HINCRBY', KEYS[7], ARGV[i], ARGV[i + 1])
end
for i = counts + 1, counts + 5 * ARGV[11], 5 do
  redis.call('XADD', KEYS[8], '*', 'id', ARGV[i], 'site', ARGV[i + 1], 'why', ARGV[i + 2],
    'size', ARGV[i + 3], 'd', ARGV[i + 4])
end
local letters = counts + 5 * ARGV[11]
for i = letters + 1, letters + 2 * ARGV[12], 2 do
  -- Somebody may have moved it on since it was looked for.
  if redis.call('XDEL', KEYS[8], ARGV[i]) == 1 then
    redis.call('HINCRBY', KEYS[7], ARGV[i + 1] .. ':dead', -1)
    redis.call('HINCRBY', KEYS[7], ARGV[i + 1] .. ':erased', 1)
  end
end
local over = redis.call('XLEN', KEYS[8]) - ARGV[7]
while over > 0 do
  local oldest = redis.call('XRANGE', KEYS[8], '-', '+', 'COUNT', math.min(over, 500))
  for _, letter in ipairs(oldest) do
    -- Letters of the first releases name no site, and were counted as dropped under site 0.
    local site, state = '0', '0:dropped:unreadable'
    for i = 1, #letter[2], 2 do
      if letter[2][i] == 'site' then
        site, state = letter[2][i + 1], letter[2][i + 1] .. ':dead'
      end
    end
    redis.call('HINCRBY', KEYS[7], state, -1)
    redis.call('HINCRBY', KEYS[7], site .. ':dropped:dead_letter_pushed_out', 1)
    redis.call('XDEL', KEYS[8], letter[1])
  end
  over = over - #oldest
end
redis.call('SET', KEYS[4], ARGV[5])
redis.call('XTRIM', KEYS[6], 'MINID', ARGV[6])
redis.call('DEL', KEYS[3])
return 'ok'
