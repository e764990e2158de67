-- The account was refused: it cools, then one probe goes out.
-- ARGV: now or '', account, seconds, reason, trouble or '', strikes it was told at.
-- Answers to requests of the same burst count as one strike.
local now, acct = clock(ARGV[1]), account_key(ARGV[2])
local until_s = now + tonumber(ARGV[3])
if number(acct, 'strikes') == tonumber(ARGV[6]) then redis.call('HINCRBY', acct, 'strikes', 1) end
if until_s > number(acct, 'cooling_until') then redis.call('HSET', acct, 'cooling_until', until_s) end
redis.call('HSET', acct, 'reason', ARGV[4], 'trouble', ARGV[5])
redis.call('HINCRBY', acct, 'refusals', 1)
return number(acct, 'strikes')
