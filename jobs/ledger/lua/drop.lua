-- A batch was reported: it is due no more, unless it changed during the report. A lease
-- moved it into the future; whatever happened since has made it due at once.
-- ARGV: now or '', account, batch.
local now, due = clock(ARGV[1]), account_key(ARGV[2]) .. ':due'
local at = redis.call('ZSCORE', due, ARGV[3] .. '/')
if not at or tonumber(at) <= now then return 0 end
redis.call('ZREM', due, ARGV[3] .. '/')
-- One in which all is over may be archived, some time from now.
local is = redis.call('HMGET', batch_key(ARGV[3]), 'complete', 'unfinished')
if is[1] == '1' and tonumber(is[2] or '0') <= 0 then
  redis.call('ZADD', account_key(ARGV[2]) .. ':reported', now, ARGV[3])
end
return 1
