-- Sets when jobs are due next, if they are in the due-set at all.
-- ARGV: now or '', account, '' or seconds that counted looks are apart, (ref, in_s)...
local now, due, apart_s = clock(ARGV[1]), account_key(ARGV[2]) .. ':due', tonumber(ARGV[3])
for i = 4, #ARGV, 2 do
  local job = job_key(ARGV[i])
  redis.call('ZADD', due, 'XX', now + tonumber(ARGV[i + 1]), ARGV[i])
  if apart_s and redis.call('EXISTS', job) == 1 then
    if apart_s == 0 then
      redis.call('HINCRBY', job, 'looks', 1)
    elseif now - number(job, 'looked_at') >= apart_s then
      redis.call('HINCRBY', job, 'looks', 1)
      redis.call('HSET', job, 'looked_at', now)
    end
  end
end
return 1
