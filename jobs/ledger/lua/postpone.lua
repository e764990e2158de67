-- Sets when jobs are due next, if they are in the due-set at all.
-- ARGV: now or '', account, '1' to count a look, then (ref, in_s)...
local now, due = clock(ARGV[1]), account_key(ARGV[2]) .. ':due'
for i = 4, #ARGV, 2 do
  redis.call('ZADD', due, 'XX', now + tonumber(ARGV[i + 1]), ARGV[i])
  if ARGV[3] == '1' and redis.call('EXISTS', job_key(ARGV[i])) == 1 then
    redis.call('HINCRBY', job_key(ARGV[i]), 'looks', 1)
  end
end
return 1
