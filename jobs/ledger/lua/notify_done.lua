-- Writes down what came of telling something: it is told, or is tried again later.
-- ARGV: now or '', account, id, telling as it stands or '', seconds to the next try.
local now, acct, id = clock(ARGV[1]), account_key(ARGV[2]), ARGV[3]
if redis.call('HEXISTS', acct .. ':tellings', id) == 0 then return 0 end
if ARGV[4] == '' then
  redis.call('HDEL', acct .. ':tellings', id)
  redis.call('ZREM', acct .. ':untold', id)
  redis.call('ZADD', acct .. ':told', now, id)
else
  redis.call('HSET', acct .. ':tellings', id, ARGV[4])
  redis.call('ZADD', acct .. ':untold', now + tonumber(ARGV[5]), id)
end
return 1
