-- Keeps a schedule; times before now are none of its business.
-- ARGV: now or '', name, schedule as JSON, '1' to replace one that is there.
-- Returns 1, or 0 where the name is taken.
local now, name = clock(ARGV[1]), ARGV[2]
if ARGV[4] ~= '1' and redis.call('HEXISTS', PREFIX .. 'schedules', name) == 1 then return 0 end
redis.call('HSET', PREFIX .. 'schedules', name, ARGV[3])
redis.call('HSET', schedule_key(name), 'done_until', string.format('%.6f', now))
return 1
