-- Counts charges that no row explains, found between two moments of the billing; once,
-- for a second that compares the same finds another moment.
-- ARGV: account, moment up to which it was compared before or '', moment up to which it
--   is now, most that are kept one by one, number of charges that are judged later, (id,
--   JSON) for each, number of such that are judged now, their ids, then (kind,
--   micro-dollars, moment, JSON) for each that is counted. Returns 1, or 0 where somebody
--   was quicker.
local key = account_key(ARGV[1]) .. ':charges'
local later = key .. ':later'
if (redis.call('HGET', key, 'until') or '') ~= ARGV[2] then return 0 end
redis.call('HSET', key, 'until', ARGV[3])
local at = 6
for _ = 1, tonumber(ARGV[5]) do
  redis.call('HSET', later, ARGV[at], ARGV[at + 1])
  at = at + 2
end
local judged = tonumber(ARGV[at])
for i = at + 1, at + judged do
  -- By another that compared the same, with the same moments before and after.
  if redis.call('HEXISTS', later, ARGV[i]) == 0 then return 0 end
end
for i = at + 1, at + judged do redis.call('HDEL', later, ARGV[i]) end
for i = at + judged + 1, #ARGV, 4 do
  redis.call('HINCRBY', key, ARGV[i] .. ':count', 1)
  redis.call('HINCRBY', key, ARGV[i] .. ':usd_micros', ARGV[i + 1])
  redis.call('HSETNX', key, 'since', ARGV[i + 2])
  redis.call('LPUSH', key .. ':newest', ARGV[i + 3])
end
redis.call('LTRIM', key .. ':newest', 0, tonumber(ARGV[4]) - 1)
return 1
