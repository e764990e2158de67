-- The workers that are known. ARGV: now or ''.
-- Returns name, facts, seconds since the last beat, for each.
local now = clock(ARGV[1])
local workers = PREFIX .. 'workers'
local known = {}
local range = redis.call('ZRANGE', workers, 0, -1, 'WITHSCORES')
for i = 1, #range, 2 do
  known[#known + 1] = range[i]
  known[#known + 1] = redis.call('HGET', workers .. ':facts', range[i]) or '{}'
  known[#known + 1] = tostring(now - tonumber(range[i + 1]))
end
return known
