-- Ends the bringing back of a batch: if all its jobs are here it is as it was before it
-- was archived, and rests from now on.
-- ARGV: now or '', batch, key of the archive. Returns 1; 0 where it is not archived there
--   any more, -1 where jobs are missing.
local now, batch = clock(ARGV[1]), ARGV[2]
local key = batch_key(batch)
local is = redis.call('HMGET', key, 'archived', 'archived_jobs', 'account', 'recalling')
if is[1] ~= ARGV[3] or not is[4] then return 0 end
if redis.call('ZCARD', key .. ':jobs') ~= tonumber(is[2]) then return -1 end
redis.call('HDEL', key, 'archived', 'archived_sha256', 'archived_jobs', 'archived_at', 'recalling')
redis.call('ZADD', account_key(is[3]) .. ':reported', now, batch)
return 1
