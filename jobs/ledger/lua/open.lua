-- Declares a batch complete: all its jobs are in, so permits may be granted.
-- ARGV: now or '', batch.
local now, batch = clock(ARGV[1]), ARGV[2]
local key = batch_key(batch)
local account = redis.call('HGET', key, 'account')
redis.call('HSET', key, 'complete', '1')
batch_lives(account, batch, now)
if redis.call('ZCARD', key .. ':waiting') > 0 then open_batch(account, batch) end
finish_if_over(account, batch, now)
return 1
