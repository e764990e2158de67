-- The account was refused: it cools, then one probe goes out.
-- ARGV: now or '', account, seconds, reason, trouble or '', strikes it was told at,
--   '1' if it was for too many at once or too often.
-- Answers to requests of the same burst count as one strike.
local now, acct = clock(ARGV[1]), account_key(ARGV[2])
local until_s = now + tonumber(ARGV[3])
if number(acct, 'strikes') == tonumber(ARGV[6]) then redis.call('HINCRBY', acct, 'strikes', 1) end
if until_s > number(acct, 'cooling_until') then redis.call('HSET', acct, 'cooling_until', until_s) end
redis.call('HSET', acct, 'reason', ARGV[4], 'trouble', ARGV[5])
redis.call('HINCRBY', acct, 'refusals', 1)
if ARGV[7] == '1' then redis.call('HINCRBY', acct, 'throttled', 1) end
-- What was generating when it said "too many" is what it takes, until it takes more.
if ARGV[7] == '1' then
  local taken = math.max(1, number(acct, 'generating'))
  local learnt = tonumber(redis.call('HGET', acct, 'learnt_concurrent') or 'inf')
  if taken < math.min(learnt, number(acct, 'concurrent_videos')) then
    redis.call('HSET', acct, 'learnt_concurrent', taken)
  end
end
return number(acct, 'strikes')
