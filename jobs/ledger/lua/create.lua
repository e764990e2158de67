-- Writes down an empty batch in one step, so that none is ever without its budget.
-- ARGV: batch, created at, (field, value)... Returns 0 where there is one already.
local key = batch_key(ARGV[1])
if redis.call('EXISTS', key) == 1 then return 0 end
redis.call('HSET', key, 'created_at', unpack(ARGV, 2))
redis.call('ZADD', PREFIX .. 'batches', ARGV[2], ARGV[1])
redis.call('ZADD', PREFIX .. 'batches:open', ARGV[2], ARGV[1])
return 1
