-- A scheduler says that it lives; those that have not for long are forgotten.
-- ARGV: now or '', scheduler, seconds that one is remembered.
local now, scheduler = clock(ARGV[1]), PREFIX .. 'scheduler'
redis.call('ZADD', scheduler, now, ARGV[2])
redis.call('ZREMRANGEBYSCORE', scheduler, '-inf', now - tonumber(ARGV[3]))
return 1
