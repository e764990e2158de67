-- Leases what is to be told now: nobody else tells it until the lease ends.
-- ARGV: now or '', account, most, lease_s. Returns id, telling, id, telling, ...
local now, acct = clock(ARGV[1]), account_key(ARGV[2])
local untold, leased = acct .. ':untold', {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', untold, '-inf', now, 'LIMIT', 0, tonumber(ARGV[3]))) do
  redis.call('ZADD', untold, now + tonumber(ARGV[4]), id)
  leased[#leased + 1] = id
  leased[#leased + 1] = redis.call('HGET', acct .. ':tellings', id)
end
return leased
