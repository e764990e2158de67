-- Ends a claim: all times until the one that was claimed are dealt with.
-- ARGV: name, claim, due at, the firing, most firings kept. Returns 1, or 0 where
-- the claim is lost.
local name, at = ARGV[1], tonumber(ARGV[3])
local key = schedule_key(name)
if redis.call('HGET', key, 'holder') ~= ARGV[2] then return 0 end
redis.call('HDEL', key, 'holder', 'held_until', 'trying')
if at > number(key, 'done_until') then redis.call('HSET', key, 'done_until', ARGV[3]) end
redis.call('LPUSH', key .. ':firings', ARGV[4])
redis.call('LTRIM', key .. ':firings', 0, tonumber(ARGV[5]) - 1)
return 1
