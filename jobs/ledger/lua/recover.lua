-- The account was found in order: it may start again at once, as many as its limits say.
-- ARGV: account.
local acct = account_key(ARGV[1])
redis.call('HSET', acct, 'consecutive_rejections', 0, 'cooling_until', 0, 'trouble', '', 'reason', '')
redis.call('HDEL', acct, 'losses', 'adaptive_concurrency', 'adaptive_raise_s', 'adaptive_raise_at')
redis.call('DEL', acct .. ':forbidden')
return 1
