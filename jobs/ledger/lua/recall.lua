-- Begins to bring a batch back from its archive, or says that somebody is still at it.
-- Nothing of it is forgotten meanwhile; who dies over it leaves it to be archived again.
-- ARGV: now or '', batch. Returns key, SHA-256 and jobs of its archive; none where it has
--   none.
local now, batch = clock(ARGV[1]), ARGV[2]
local key = batch_key(batch)
local is = redis.call('HMGET', key, 'archived', 'archived_sha256', 'archived_jobs', 'account')
if not is[1] then return {} end
redis.call('HSET', key, 'recalling', string.format('%.6f', now))
redis.call('ZADD', account_key(is[4]) .. ':reported', 'NX', now, batch)
return { is[1], is[2], is[3] }
