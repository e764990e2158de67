-- The finished video of a job is to be had by another link, if the job is still where
-- the asker believed it and has the link that leads nowhere. Returns 1, or 0.
-- ARGV: ref, permit, old link, new link
local job = job_key(ARGV[1])
local is = redis.call('HMGET', job, 'state', 'permit', 'output')
if is[1] ~= 'generated' or is[2] ~= ARGV[2] or is[3] ~= ARGV[3] then return 0 end
redis.call('HSET', job, 'output', ARGV[4])
return 1
