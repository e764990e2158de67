-- What waits in a batch, and of which kinds, told from jobs evenly spread over it.
-- ARGV: batch, most jobs looked at. Returns how many wait, priority, '1' if a person or
-- a budget keeps it from starting, then (model, seconds of video, jobs)...
local key = batch_key(ARGV[1])
local count = redis.call('ZCARD', key .. ':waiting')
local is = redis.call('HMGET', key, 'priority', 'paused', 'aside', 'cancelled', 'stopped_by')
local kept = is[2] == '1' or is[3] == '1' or is[4] == '1' or (is[5] or '') ~= ''
local told = { count, is[1] or '1', kept and '1' or '0' }
local counts, order = {}, {}
local step = math.max(1, math.ceil(count / tonumber(ARGV[2])))
for place = 0, count - 1, step do
  local id = redis.call('ZRANGE', key .. ':waiting', place, place)[1]
  local text = redis.call('HGET', job_key(ARGV[1] .. '/' .. id), 'job')
  if text then
    local model, length, kind = kind_of(text)
    if not counts[kind] then
      counts[kind] = { model, length, 0 }
      order[#order + 1] = kind
    end
    counts[kind][3] = counts[kind][3] + 1
  end
end
for _, kind in ipairs(order) do
  for _, value in ipairs(counts[kind]) do told[#told + 1] = tostring(value) end
end
return told
