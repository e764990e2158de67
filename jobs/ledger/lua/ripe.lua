-- Leases batches that came to rest long enough ago: nobody else is sent to archive them
-- until the lease ends. Since when they rest stays written down.
-- ARGV: now or '', account, seconds of rest, most, lease_s. Returns their ids.
local now, rest_s, most = clock(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4])
local reported = account_key(ARGV[2]) .. ':reported'
local found = {}
for _, batch in ipairs(redis.call('ZRANGEBYSCORE', reported, '-inf', now - rest_s, 'LIMIT', 0, 100 * most)) do
  if #found < most and number(batch_key(batch), 'archiving_until') <= now then
    redis.call('HSET', batch_key(batch), 'archiving_until', now + tonumber(ARGV[5]))
    found[#found + 1] = batch
  end
end
return found
