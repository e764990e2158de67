-- Knows a mark of claims that were made under it and are still there.
-- ARGV: mark, count of other marks, other marks..., refs of claimed jobs...
-- Returns the refs that are, and the other marks that are not known.
local mark, count = ARGV[1], tonumber(ARGV[2])
local held, missing = {}, {}
for i = 3, 2 + count do
  if redis.call('SISMEMBER', PREFIX .. 'marks', ARGV[i]) == 0 then missing[#missing + 1] = ARGV[i] end
end
for i = 3 + count, #ARGV do
  if redis.call('HGET', job_key(ARGV[i]), 'mark') == mark then held[#held + 1] = ARGV[i] end
end
if #held > 0 then redis.call('SADD', PREFIX .. 'marks', mark) end
return { held, missing }
