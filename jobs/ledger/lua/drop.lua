-- A batch was reported: it is due no more, unless it changed during the report. Then it
-- is due at once, also where somebody else has reported it since: the older report may
-- have been kept last.
-- ARGV: now or '', account, batch, version that was reported. Returns 1, or 0 where it
--   changed.
local now, account, batch = clock(ARGV[1]), ARGV[2], ARGV[3]
local key = batch_key(batch)
local was_due = redis.call('ZREM', account_key(account) .. ':due', batch .. '/')
local is = redis.call('HMGET', key, 'report_version', 'complete', 'unfinished')
if (is[1] or '0') ~= ARGV[4] then
  finish_if_over(account, batch, now)
  return 0
end
-- The job records of one in which all is over may be deleted, some time from now.
if was_due == 1 and is[2] == '1' and tonumber(is[3] or '0') <= 0 then
  redis.call('ZADD', account_key(account) .. ':reported', now, batch)
end
return 1
