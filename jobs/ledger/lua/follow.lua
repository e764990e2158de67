-- Jobs that follow check on the one they follow.
-- ARGV: now or '', account, refs...
local now, due = clock(ARGV[1]), account_key(ARGV[2]) .. ':due'
for i = 3, #ARGV do
  if redis.call('HGET', job_key(ARGV[i]), 'state') == 'following' then
    redis.call('ZADD', due, 'XX', now + FOLLOW_S, ARGV[i])
    resolve_duplicate(ARGV[i], now)
  end
end
return 1
