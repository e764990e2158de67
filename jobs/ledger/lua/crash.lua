-- A task failed over a job or batch: it is due again later each time.
-- ARGV: now or '', account, ref, words, first_s, most_s. Returns seconds until then.
local now, acct, ref = clock(ARGV[1]), account_key(ARGV[2]), ARGV[3]
local crashes, facts = acct .. ':crashes', acct .. ':crashes:facts'
for _, old in ipairs(redis.call('ZRANGEBYSCORE', crashes, '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('ZREM', crashes, old)
  redis.call('HDEL', facts, old)
end
local told = redis.call('HGET', facts, ref)
local times = (told and cjson.decode(told).times or 0) + 1
-- A number too large for a float would be no number at all.
local wait = math.min(tonumber(ARGV[5]) * 2 ^ math.min(times - 1, 30), tonumber(ARGV[6]))
redis.call('ZADD', acct .. ':due', 'XX', now + wait, ref)
-- What was due again and did not fail once more is over.
redis.call('ZADD', crashes, now + 2 * wait + 60, ref)
redis.call('HSET', facts, ref, cjson.encode({ words = ARGV[4], times = times, due_at = now + wait }))
return tostring(wait)
