-- Gives back the keys of some jobs of a batch whose archive is sealed; their twins find
-- what they made for a time.
-- ARGV: batch, key of the archive, most, for how many seconds. Returns how many are left,
--   or -1 where that is not its archive, or somebody brings it back.
local key = batch_key(ARGV[1])
local is = redis.call('HMGET', key, 'archived', 'recalling', 'store', 'account')
if is[1] ~= ARGV[2] or is[2] then return -1 end
for _, id in ipairs(redis.call('ZRANGE', key .. ':jobs', 0, tonumber(ARGV[3]) - 1)) do
  local ref = ARGV[1] .. '/' .. id
  leave_for_twins(is[3], ref, ARGV[4])
  redis.call('DEL', job_key(ref))
  redis.call('ZREM', key .. ':jobs', id)
end
local left = redis.call('ZCARD', key .. ':jobs')
if left == 0 then
  redis.call('ZREM', account_key(is[4]) .. ':reported', ARGV[1])
  redis.call('DEL', failures_key(ARGV[1]))
end
return left
