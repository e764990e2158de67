-- Leases what is due: nobody else is sent for it until the lease ends.
-- ARGV: now or '', account, most, lease_s. Returns ref, state, ref, state, ...
local now, account = clock(ARGV[1]), ARGV[2]
local due = account_key(account) .. ':due'
local leased = {}
for _, ref in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, tonumber(ARGV[3]))) do
  redis.call('ZADD', due, now + tonumber(ARGV[4]), ref)
  leased[#leased + 1] = ref
  leased[#leased + 1] = redis.call('HGET', job_key(ref), 'state') or ''
end
return leased
