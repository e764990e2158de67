-- Grants permits: rate, slot and budget together or not at all.
-- ARGV: now or '', account, most, lease_s. Returns the refs that were admitted.
--
-- A rate token counts from its grant until one window after the request was answered.
-- The provider counts it when it arrives, which lies between the two; so no window at
-- the provider can hold more starts than tokens were out.
local now, account = clock(ARGV[1]), ARGV[2]
-- Lua hands so many values on at one time, and not many more.
local most, lease_s = math.min(1000, tonumber(ARGV[3])), tonumber(ARGV[4])
local acct = account_key(account)
local slots, starts, open, due = acct .. ':slots', acct .. ':starts', acct .. ':open', acct .. ':due'

if redis.call('HGET', acct, 'paused') == '1' then return {} end
if number(acct, 'cooling_until') > now then return {} end

redis.call('ZREMRANGEBYSCORE', starts, '-inf', now)
redis.call('ZREMRANGEBYSCORE', slots, '-inf', now)
local free = math.min(
  most,
  number(acct, 'videos_per_minute') - redis.call('ZCARD', starts),
  number(acct, 'concurrent_videos') - redis.call('ZCARD', slots)
)
-- While more wait than a window holds they start evenly over it, in strides of at most
-- five seconds: who comes behind thousands need not wait for the next window.
local per_s = number(acct, 'videos_per_minute') / 60
local stride = math.ceil(5 * per_s)
local paced_at, left = number(acct, 'paced_at'), tonumber(redis.call('HGET', acct, 'paced_left') or stride)
left = math.min(stride, left + math.max(0, now - paced_at) * per_s)
if per_s >= 1 then
  local waiting = 0
  for _, batch in ipairs(redis.call('ZRANGE', open, 0, -1)) do
    waiting = waiting + redis.call('ZCARD', batch_key(batch) .. ':waiting')
    if waiting > free then break end
  end
  if waiting > free then free = math.min(free, math.floor(left)) end
end
-- What refusals have taught was counted in videos that were generating. Slots of lost
-- answers are left out here as they were there, or the last one could be held by a job
-- that waits for a person while nothing else may start.
local learnt = redis.call('HGET', acct, 'learnt_concurrent')
if learnt then
  local at_work = number(acct, 'generating') + redis.call('ZCOUNT', starts, '+inf', '+inf')
  free = math.min(free, math.floor(tonumber(learnt)) - at_work)
end
-- After a refusal one probe goes out, and nothing else until it is answered.
if number(acct, 'strikes') > 0 then
  if redis.call('ZCOUNT', starts, '+inf', '+inf') > 0 then return {} end
  free = math.min(free, 1)
end
if free <= 0 then return {} end

local day = day_of(now)
local daily_budget = redis.call('HGET', acct, 'daily_budget')
local daily_left = math.huge
if daily_budget and daily_budget ~= '' then
  daily_left = tonumber(daily_budget) - number(acct, day)
end

-- Nobody is behind the account's virtual time: being held up earns no credit.
local vclock = number(acct, 'vclock')
local queue = {}
local range = redis.call('ZRANGE', open, 0, -1, 'WITHSCORES')
for i = 1, #range, 2 do
  queue[#queue + 1] = { batch = range[i], vtime = math.max(vclock, tonumber(range[i + 1])) }
end

-- What is known of a batch and of its next jobs, read once.
local function learn(entry)
  local key = batch_key(entry.batch)
  local is = redis.call('HMGET', key,
    'paused', 'aside', 'cancelled', 'held_until', 'budget', 'reserved', 'charged', 'priority')
  entry.kept = is[1] == '1' or is[2] == '1' or is[3] == '1' or (tonumber(is[4] or '0') or 0) > now
  entry.budget = is[5] and is[5] ~= '' and tonumber(is[5]) or math.huge
  entry.committed = (tonumber(is[6]) or 0) + (tonumber(is[7]) or 0)
  entry.step = 1 / math.max(1, tonumber(is[8]) or 0)
  entry.ids = redis.call('ZRANGE', key .. ':waiting', 0, free - 1)
  entry.taken, entry.reserved = 0, 0
end

-- Writes down what was granted of a batch, once for all of it.
local function write_down(entry)
  if not entry.taken or entry.taken == 0 then return end
  local key = batch_key(entry.batch)
  redis.call('ZREM', key .. ':waiting', unpack(entry.ids, 1, entry.taken))
  redis.call('HINCRBY', key, 'n:waiting', -entry.taken)
  redis.call('HINCRBY', key, 'n:admitted', entry.taken)
  redis.call('HINCRBY', key, 'reserved', entry.reserved)
  redis.call('HSET', key, 'stopped_by', '', 'vtime', entry.vtime)
  redis.call('HINCRBY', acct, day, entry.reserved)
  redis.call('ZADD', open, entry.vtime, entry.batch)
  entry.taken, entry.reserved = 0, 0
end

local function next_batch()
  local best
  for _, entry in ipairs(queue) do
    if not entry.blocked and (not best or entry.vtime < best.vtime) then best = entry end
  end
  return best
end

-- A batch that comes to rest because of a budget is reported as it stands.
local function stop(entry, why)
  entry.blocked = true
  write_down(entry)
  if redis.call('HGET', batch_key(entry.batch), 'stopped_by') == why then return end
  redis.call('HSET', batch_key(entry.batch), 'stopped_by', why)
  finish_if_over(account, entry.batch, now)
end

local granted = {}
while #granted < free do
  local entry = next_batch()
  if not entry then break end
  if not entry.ids then learn(entry) end
  local id = entry.ids[entry.taken + 1]
  if not id then
    -- It has no more than it had room for, so nothing of it waits now.
    entry.blocked = true
    write_down(entry)
    redis.call('ZREM', open, entry.batch)
  elseif entry.kept then
    entry.blocked = true
  else
    local ref = entry.batch .. '/' .. id
    local job = job_key(ref)
    local price = number(job, 'price')
    if entry.committed + price > entry.budget then
      stop(entry, 'budget')
    elseif price > daily_left then
      stop(entry, 'daily-budget')
    else
      local permit = redis.call('HINCRBY', job, 'permit', 1)
      redis.call('HSET', job, 'state', 'admitted', 'day', day)
      redis.call('ZADD', slots, '+inf', ref)
      redis.call('ZADD', starts, '+inf', ref .. '#' .. permit)
      redis.call('ZADD', due, now + lease_s, ref)
      daily_left = daily_left - price
      entry.committed = entry.committed + price
      entry.taken, entry.reserved = entry.taken + 1, entry.reserved + price
      vclock = entry.vtime
      entry.vtime = entry.vtime + entry.step
      granted[#granted + 1] = ref
    end
  end
end
for _, entry in ipairs(queue) do write_down(entry) end
if #granted > 0 then redis.call('HSET', acct, 'vclock', vclock) end
redis.call('HSET', acct, 'paced_at', now, 'paced_left', math.max(0, left - #granted))
return granted
