-- Prolongs the claim of a firing.
-- ARGV: now or '', name, claim, lease_s, the firing as it stands or ''. Returns 1, or 0
-- where the claim is lost.
local now, key = clock(ARGV[1]), schedule_key(ARGV[2])
if redis.call('HGET', key, 'holder') ~= ARGV[3] then return 0 end
redis.call('HSET', key, 'held_until', string.format('%.6f', now + tonumber(ARGV[4])))
if ARGV[5] ~= '' then redis.call('HSET', key, 'trying', ARGV[5]) end
return 1
