-- Puts jobs back as they were archived; one that is there is left alone.
-- ARGV: now or '', batch, key of the archive, then (job id, place, count of fields and
--   values, field, value...) for each. Returns 1, or 0 where it is not being brought back
--   from there any more.
local now, batch = clock(ARGV[1]), ARGV[2]
local key = batch_key(batch)
local is = redis.call('HMGET', key, 'archived', 'recalling')
if is[1] ~= ARGV[3] or not is[2] then return 0 end
redis.call('HSET', key, 'recalling', string.format('%.6f', now))
local i = 4
while i <= #ARGV do
  local id, place, count = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local job = job_key(batch .. '/' .. id)
  if not redis.call('ZSCORE', key .. ':jobs', id) then
    redis.call('DEL', job)
    redis.call('HSET', job, unpack(ARGV, i + 3, i + 2 + count))
    redis.call('ZADD', key .. ':jobs', place, id)
  end
  i = i + 3 + count
end
return 1
