-- A batch was reported: it is due no more, unless it changed during the report. A lease
-- moved it into the future; whatever happened since has made it due at once.
-- ARGV: now or '', account, batch.
local now, due = clock(ARGV[1]), account_key(ARGV[2]) .. ':due'
local at = redis.call('ZSCORE', due, ARGV[3] .. '/')
if at and tonumber(at) > now then return redis.call('ZREM', due, ARGV[3] .. '/') end
return 0
