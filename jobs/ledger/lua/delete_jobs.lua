-- Deletes some job records of a batch in which all is over and that was reported long
-- enough ago. From the first on it takes no jobs and no moves; its own hash stays, and
-- what other batches need of its videos stays for a time.
-- ARGV: now or '', batch, seconds since its report, most, for how many seconds. Returns
--   how many are left, or -1 where the batch is not to be touched.
local now, batch = clock(ARGV[1]), ARGV[2]
local key = batch_key(batch)
local is = redis.call('HMGET', key, 'deleted_at', 'complete', 'unfinished', 'store', 'account')
if not is[5] then return -1 end
local acct = account_key(is[5])
if not is[1] then
  local reported_at = redis.call('ZSCORE', acct .. ':reported', batch)
  if not reported_at or tonumber(reported_at) > now - tonumber(ARGV[3]) then return -1 end
  if is[2] ~= '1' or tonumber(is[3] or '0') > 0 then return -1 end
  if redis.call('ZSCORE', acct .. ':due', batch .. '/') then return -1 end
  redis.call('HSET', key, 'deleted_at', string.format('%.6f', now))
end
for _, id in ipairs(redis.call('ZRANGE', key .. ':jobs', 0, tonumber(ARGV[4]) - 1)) do
  local ref = batch .. '/' .. id
  leave_for_duplicates(is[4], ref, ARGV[5])
  redis.call('DEL', job_key(ref))
  redis.call('ZREM', key .. ':jobs', id)
end
local left = redis.call('ZCARD', key .. ':jobs')
if left == 0 then
  redis.call('ZREM', acct .. ':reported', batch)
  redis.call('DEL', failures_key(batch))
end
return left
