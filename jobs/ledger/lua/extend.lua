-- Prolongs the lease on a batch that is being archived.
-- ARGV: now or '', account, batch, seconds of rest, lease_s.
local now, reported = clock(ARGV[1]), account_key(ARGV[2]) .. ':reported'
return redis.call('ZADD', reported, 'XX', now - tonumber(ARGV[4]) + tonumber(ARGV[5]), ARGV[3])
