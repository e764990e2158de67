-- Sets when jobs are due next, if they are in the due-set at all.
-- ARGV: now or '', account, '' or 'unanswered' or seconds that counted polls are apart,
--   (ref, in_s, why it is late or '')...
local now, due, apart_s = clock(ARGV[1]), account_key(ARGV[2]) .. ':due', tonumber(ARGV[3])
for i = 4, #ARGV, 3 do
  local ref, why = ARGV[i], ARGV[i + 2]
  local job = job_key(ref)
  local state = redis.call('HGET', job, 'state')
  redis.call('ZADD', due, 'XX', now + tonumber(ARGV[i + 1]), ref)
  if ARGV[3] == 'unanswered' and state then
    redis.call('HSETNX', job, 'unanswered_since', string.format('%.6f', now))
  elseif apart_s and state then
    redis.call('HDEL', job, 'unanswered_since')
    local since = now - number(job, 'looked_at')
    if apart_s == 0 then
      redis.call('HINCRBY', job, 'looks', 1)
    elseif since >= apart_s or since < 0 then  -- the clock was set back
      redis.call('HINCRBY', job, 'looks', 1)
      redis.call('HSET', job, 'looked_at', now)
    end
  end
  -- It may have ended since.
  if why ~= '' and (state == 'generating' or state == 'overdue') then
    redis.call('HSET', job, 'failure', why)
    note_late(ARGV[2], ref)
  end
end
return 1
