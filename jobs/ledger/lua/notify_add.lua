-- Puts down what a person is to be told, once for each id, however often it is asked.
-- ARGV: now or '', account, id, telling, seconds that an id is remembered. Returns 1, or
-- 0 where it is told already or waits.
local now, acct, id = clock(ARGV[1]), account_key(ARGV[2]), ARGV[3]
redis.call('ZREMRANGEBYSCORE', acct .. ':told', '-inf', now - tonumber(ARGV[5]))
if redis.call('ZSCORE', acct .. ':told', id) then return 0 end
if redis.call('HSETNX', acct .. ':tellings', id, ARGV[4]) == 0 then return 0 end
redis.call('ZADD', acct .. ':untold', now, id)
return 1
