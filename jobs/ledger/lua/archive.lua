-- Begins to archive a batch. Of several that do, the last one may seal it.
-- ARGV: now or '', batch, claim, seconds of silence after which a recall is taken for
--   dead.
-- Returns a word, then what belongs to it: `begun` and the claim before it or '',
--   `sealed` and how many jobs are still here, or why not: `unknown`, `recalled`, `unfinished`, `unreported`.
local now, batch = clock(ARGV[1]), ARGV[2]
local key = batch_key(batch)
local is = redis.call('HMGET', key, 'account', 'complete', 'unfinished', 'archived', 'recalling', 'archiving')
if not is[1] then return { 'unknown' } end
if is[4] then
  if is[5] and tonumber(is[5]) > now - tonumber(ARGV[4]) then return { 'recalled' } end
  redis.call('HDEL', key, 'recalling')
  return { 'sealed', redis.call('ZCARD', key .. ':jobs') }
end
if is[2] ~= '1' or tonumber(is[3] or '0') > 0 then return { 'unfinished' } end
if redis.call('ZSCORE', account_key(is[1]) .. ':due', batch .. '/') then return { 'unreported' } end
redis.call('HSET', key, 'archiving', ARGV[3])
return { 'begun', is[6] or '' }
