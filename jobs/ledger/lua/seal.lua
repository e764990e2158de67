-- The archive of a batch is kept, and counts from now on, unless the batch has lived
-- since it was begun, or somebody else has begun one.
-- ARGV: batch, claim, key of the archive, its SHA-256, jobs in it, now or ''. Returns
-- 1, or 0.
local key = batch_key(ARGV[1])
local is = redis.call('HMGET', key, 'archiving', 'unfinished', 'account')
if is[1] ~= ARGV[2] or tonumber(is[2] or '0') > 0 then return 0 end
if redis.call('ZCARD', key .. ':jobs') ~= tonumber(ARGV[5]) then return 0 end
if redis.call('ZSCORE', account_key(is[3]) .. ':due', ARGV[1] .. '/') then return 0 end
redis.call('HSET', key, 'archived', ARGV[3], 'archived_sha256', ARGV[4], 'archived_jobs', ARGV[5],
  'archived_at', string.format('%.6f', clock(ARGV[6])))
redis.call('HDEL', key, 'archiving')
return 1
