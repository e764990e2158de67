-- The account was found in order: it may start again at once.
-- ARGV: account.
local acct = account_key(ARGV[1])
redis.call('HSET', acct, 'strikes', 0, 'cooling_until', 0, 'trouble', '', 'reason', '')
return 1
