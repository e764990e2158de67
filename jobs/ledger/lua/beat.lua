-- A worker says that it lives; those that have not for long are forgotten.
-- ARGV: now or '', name, facts as JSON, kept_s.
local now, name = clock(ARGV[1]), ARGV[2]
local workers = PREFIX .. 'workers'
redis.call('ZADD', workers, now, name)
redis.call('HSET', workers .. ':facts', name, ARGV[3])
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', workers, '-inf', now - tonumber(ARGV[4]))) do
  redis.call('ZREM', workers, gone)
  redis.call('HDEL', workers .. ':facts', gone)
end
return 1
