-- Adds jobs to a batch; one that is there already stays as it is.
-- ARGV: batch, then (job id, place, json, price or '') for each. Returns how many are new.
local batch = ARGV[1]
local key = batch_key(batch)
local added = 0
for i = 2, #ARGV, 4 do
  local id, place, json, price = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local job = job_key(batch .. '/' .. id)
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
    added = added + 1
  end
end
return added
