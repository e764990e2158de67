-- Prolongs the lease on a batch that is being archived.
-- ARGV: now or '', batch, lease_s.
local key = batch_key(ARGV[2])
if redis.call('HEXISTS', key, 'archiving_until') == 0 then return 0 end
return redis.call('HSET', key, 'archiving_until', clock(ARGV[1]) + tonumber(ARGV[3]))
