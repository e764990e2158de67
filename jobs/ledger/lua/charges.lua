-- Counts charges that no row explains, found between two moments of the billing; once,
-- for a second that compares the same finds another moment.
-- ARGV: account, moment up to which it was compared before or '', moment up to which it
--   is now, most that are kept one by one, then (kind, micro-dollars, moment, JSON) for
--   each. Returns 1, or 0 where somebody was quicker.
local key = account_key(ARGV[1]) .. ':charges'
if (redis.call('HGET', key, 'until') or '') ~= ARGV[2] then return 0 end
redis.call('HSET', key, 'until', ARGV[3])
for i = 5, #ARGV, 4 do
  redis.call('HINCRBY', key, ARGV[i] .. ':count', 1)
  redis.call('HINCRBY', key, ARGV[i] .. ':usd_micros', ARGV[i + 1])
  redis.call('HSETNX', key, 'since', ARGV[i + 2])
  redis.call('LPUSH', key .. ':newest', ARGV[i + 3])
end
redis.call('LTRIM', key .. ':newest', 0, tonumber(ARGV[4]) - 1)
return 1
