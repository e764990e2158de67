-- The ledger is older than what was sent for an account, which starts nothing before it
-- was compared. Of the last window it may have forgotten as many starts as were allowed.
-- ARGV: now or '', account, the store that knows more, window_s
local now, acct, window_s = clock(ARGV[1]), account_key(ARGV[2]), tonumber(ARGV[4])
if redis.call('HSETNX', acct, 'older', ARGV[3]) == 1 then
  redis.call('HSET', acct, 'older_at', now)
  for i = 1, number(acct, 'videos_per_minute') do
    redis.call('ZADD', acct .. ':starts', now + window_s, 'forgotten#' .. i)
  end
end
return 1
