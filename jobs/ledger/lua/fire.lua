-- Claims the firing of a schedule for a while: of many that ask, one has it.
-- ARGV: now or '', name, due at, claim, lease_s. Returns 1, or 0 where it is done, is
-- somebody's, or there is no such schedule any more.
local now, name = clock(ARGV[1]), ARGV[2]
local key = schedule_key(name)
if redis.call('HEXISTS', PREFIX .. 'schedules', name) == 0 then return 0 end
if tonumber(ARGV[3]) <= number(key, 'done_until') then return 0 end
if number(key, 'held_until') > now then return 0 end
local until_s = string.format('%.6f', now + tonumber(ARGV[5]))
redis.call('HSET', key, 'holder', ARGV[4], 'held_until', until_s)
return 1
