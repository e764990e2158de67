-- The ledger is older than what was sent: no account starts anything before it was
-- compared. Of the last window it may have forgotten as many starts as were allowed.
-- ARGV: now or '', the store that knows more, window_s, accounts that it has forgotten...
local now, where, window_s = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local accounts = redis.call('SMEMBERS', PREFIX .. 'accounts')
for i = 4, #ARGV do accounts[#accounts + 1] = ARGV[i] end
for _, account in ipairs(accounts) do
  local acct = account_key(account)
  if redis.call('HSETNX', acct, 'older', where) == 1 then
    redis.call('HSET', acct, 'older_at', now)
    for i = 1, number(acct, 'videos_per_minute') do
      redis.call('ZADD', acct .. ':starts', now + window_s, 'forgotten#' .. i)
    end
  end
end
return 1
