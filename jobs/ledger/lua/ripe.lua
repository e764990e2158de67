-- Leases batches that came to rest long enough ago: nobody else is sent to archive them
-- until the lease ends.
-- ARGV: now or '', account, seconds of rest, most, lease_s. Returns their ids.
local now, rest_s = clock(ARGV[1]), tonumber(ARGV[3])
local reported = account_key(ARGV[2]) .. ':reported'
local found = redis.call('ZRANGEBYSCORE', reported, '-inf', now - rest_s, 'LIMIT', 0, tonumber(ARGV[4]))
for _, batch in ipairs(found) do
  redis.call('ZADD', reported, now - rest_s + tonumber(ARGV[5]), batch)
end
return found
