-- Adds jobs to a batch, or brings those up to date that have not been sent.
-- ARGV: now or '', batch, then (job id, place, json, price or
--   '', content or '', written or '') for each. Returns how many are new.
local now, batch = clock(ARGV[1]), ARGV[2]
local key = batch_key(batch)
local added = 0
for i = 3, #ARGV, 6 do
  local id, place, json, price = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local content, written = ARGV[i + 4], ARGV[i + 5]
  local ref = batch .. '/' .. id
  local job = job_key(ref)
  if redis.call('HSETNX', job, 'state', 'waiting') == 1 then
    redis.call('HSET', job, 'job', json, 'place', place, 'permit', '0')
    if price == '' then
      redis.call('HINCRBY', key, 'unpriced', 1)
    else
      redis.call('HSET', job, 'price', price)
      redis.call('HINCRBY', key, 'estimated', price)
    end
    redis.call('ZADD', key .. ':jobs', place, id)
    redis.call('ZADD', key .. ':waiting', place, id)
    redis.call('HINCRBY', key, 'n:waiting', 1)
    redis.call('HINCRBY', key, 'unfinished', 1)
    if content ~= '' then redis.call('HSET', job, 'content', content) end
    if written ~= '' then redis.call('HSET', job, 'written', written) end
    settle_twin(ref, now)
    added = added + 1
  else
    local state = redis.call('HGET', job, 'state')
    if state == 'waiting' or state == 'following' then
      redis.call('HSET', job, 'job', json)
      settle_twin(ref, now)
    end
  end
end
return added
