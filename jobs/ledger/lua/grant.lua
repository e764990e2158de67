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

if redis.call('HGET', acct, 'paused') == '1' or redis.call('HEXISTS', acct, 'older') == 1 then return {} end
if number(acct, 'cooling_until') > now then return {} end

redis.call('ZREMRANGEBYSCORE', starts, '-inf', now)
redis.call('ZREMRANGEBYSCORE', slots, '-inf', now)
local unanswered = redis.call('ZCOUNT', starts, '+inf', '+inf')
local free = math.min(
  most,
  number(acct, 'videos_per_minute') - redis.call('ZCARD', starts),
  number(acct, 'concurrent_videos') - redis.call('ZCARD', slots)
)
-- What 429s have taught was counted in videos that were generating. Slots of lost answers
-- are left out here as they were there, or the last one could be held by a job that waits
-- for a person while nothing else may start. Now and then one more is tried.
local adaptive = tonumber(redis.call('HGET', acct, 'adaptive_concurrency') or 'inf')
if adaptive < math.huge then
  local room = math.floor(adaptive) - number(acct, 'generating') - unanswered
  if room <= 0 and unanswered == 0 and number(acct, 'adaptive_raise_at') <= now then room = 1 end
  free = math.min(free, room)
end
-- After a rejection one probe goes out, and nothing else until it is answered.
local rejections = number(acct, 'consecutive_rejections')
local probing = rejections > 0
if probing then
  if unanswered > 0 then return {} end
  free = math.min(free, 1)
end
if free <= 0 then return {} end

local day = day_of(now)
local daily_budget = redis.call('HGET', acct, 'daily_budget')
local daily_left = math.huge
if daily_budget and daily_budget ~= '' then
  daily_left = tonumber(daily_budget) - number(acct, day)
end

-- Batches that may start something, in the order of their virtual time. They are read
-- only as far as they are needed, and of each only what is granted next.
local BATCHES, JOBS = 100, 20
local vclock = number(acct, 'vclock')
local vclock_before = vclock
local learnt, queue, emptied, waiting = {}, {}, {}, 0
local range, place, first, all_read = {}, 1, 0, false
-- What was rejected stands behind, until its time; a probe may be any of them.
local until_score = probing and '+inf' or BEHIND + now

-- The virtual time of the next batch that was not read; nil when all were. Nobody is
-- behind the account's own: being held up earns no credit.
local function next_vtime()
  if place > #range and not all_read then
    range = redis.call('ZRANGE', open, first, first + BATCHES - 1, 'WITHSCORES')
    place, first, all_read = 1, first + BATCHES, #range == 0
  end
  return range[place] and math.max(vclock_before, tonumber(range[place + 1]))
end

-- Reads the next batch; true if it may start something.
local function learn(vtime)
  local entry = { batch = range[place], vtime = vtime }
  place = place + 2
  local key = batch_key(entry.batch)
  local is = redis.call('HMGET', key,
    'paused', 'aside', 'cancelled', 'held_until', 'budget', 'reserved', 'charged', 'priority')
  if is[1] == '1' or is[2] == '1' or is[3] == '1' or (tonumber(is[4] or '0') or 0) > now then
    return false
  end
  local ready = redis.call('ZCOUNT', key .. ':waiting', '-inf', until_score)
  if ready == 0 then
    if redis.call('EXISTS', key .. ':waiting') == 0 then emptied[#emptied + 1] = entry.batch end
    return false
  end
  waiting = waiting + ready
  entry.budget = is[5] and is[5] ~= '' and tonumber(is[5]) or math.huge
  entry.committed = (tonumber(is[6]) or 0) + (tonumber(is[7]) or 0)
  -- Probes go round, whatever weight a batch has.
  entry.step = probing and 1 or 1 / math.max(1, tonumber(is[8]) or 0)
  entry.ids, entry.at, entry.granted, entry.reserved = {}, 1, {}, 0
  learnt[#learnt + 1], queue[#queue + 1] = entry, entry
  return true
end

-- While more wait than may start they start evenly over the window, in strides of at most
-- five seconds: who comes behind thousands need not wait for the next window.
local per_s = number(acct, 'videos_per_minute') / 60
local stride = math.ceil(5 * per_s)
local paced_at, left = number(acct, 'paced_at'), tonumber(redis.call('HGET', acct, 'paced_left') or stride)
left = math.min(stride, left + math.max(0, now - paced_at) * per_s)
if per_s >= 1 then
  while waiting <= free do
    local vtime = next_vtime()
    if not vtime then break end
    learn(vtime)
  end
  if waiting > free then free = math.min(free, math.floor(left)) end
end

-- The place in the queue of the batch whose turn it is; nil if there is none.
local function next_batch()
  local best
  for i, entry in ipairs(queue) do
    if not best or entry.vtime < queue[best].vtime then best = i end
  end
  local vtime = next_vtime()
  while vtime and not (best and queue[best].vtime <= vtime) do
    if learn(vtime) then best = #queue end
    vtime = next_vtime()
  end
  return best
end

-- The job that a probe sends: each time another one, spread over all that were not
-- rejected themselves; then the one whose turn is first. What is too dear goes last.
local function probe_of(key)
  local fresh = redis.call('ZCOUNT', key, '-inf', '(' .. BEHIND)
  local spread = math.floor((rejections * 0.6180339887 % 1) * fresh)
  local picked = redis.call('ZRANGE', key, spread, spread)[1]
  return { picked, redis.call('ZRANGE', key, 0, 0)[1] }
end

-- The next job of a batch; nil if no other may start now.
local function next_job(entry)
  local key = batch_key(entry.batch) .. ':waiting'
  if entry.at > #entry.ids then
    local seen = #entry.ids
    if probing and seen == 0 then
      entry.ids = probe_of(key)
    elseif not probing then
      local more = redis.call('ZRANGEBYSCORE', key, '-inf', until_score, 'LIMIT', seen, JOBS)
      for _, id in ipairs(more) do entry.ids[#entry.ids + 1] = id end
    end
  end
  return entry.ids[entry.at]
end

local granted = {}
while #granted < free do
  local turn = next_batch()
  if not turn then break end
  local entry = queue[turn]
  local id = next_job(entry)
  local ref = entry.batch .. '/' .. (id or '')
  local job = job_key(ref)
  local price = id and number(job, 'price') or 0
  if not id then
    table.remove(queue, turn)
  elseif entry.committed + price > entry.budget or price > daily_left then
    entry.stopped_by = entry.committed + price > entry.budget and 'budget' or 'daily-budget'
    entry.at = entry.at + 1
    if not probing or entry.at > #entry.ids then table.remove(queue, turn) end
  else
    local permit = redis.call('HINCRBY', job, 'permit', 1)
    redis.call('HSET', job, 'state', 'admitted', 'day', day)
    redis.call('ZADD', slots, '+inf', ref)
    redis.call('ZADD', starts, '+inf', ref .. '#' .. permit)
    redis.call('ZADD', due, now + lease_s, ref)
    daily_left = daily_left - price
    entry.committed = entry.committed + price
    entry.reserved = entry.reserved + price
    entry.granted[#entry.granted + 1] = id
    entry.at, entry.stopped_by = entry.at + 1, nil
    vclock = entry.vtime
    entry.vtime = entry.vtime + entry.step
    granted[#granted + 1] = ref
  end
end

-- Writes down what was granted of each batch, once for all of it.
for _, entry in ipairs(learnt) do
  local key, count = batch_key(entry.batch), #entry.granted
  if count > 0 then
    redis.call('ZREM', key .. ':waiting', unpack(entry.granted))
    redis.call('HINCRBY', key, 'n:waiting', -count)
    redis.call('HINCRBY', key, 'n:admitted', count)
    redis.call('HINCRBY', key, 'reserved', entry.reserved)
    redis.call('HSET', key, 'stopped_by', '', 'vtime', entry.vtime)
    redis.call('HINCRBY', acct, day, entry.reserved)
    redis.call('ZADD', open, entry.vtime, entry.batch)
    if redis.call('EXISTS', key .. ':waiting') == 0 then emptied[#emptied + 1] = entry.batch end
  end
  -- A batch that comes to rest because of a budget is reported as it stands.
  if entry.stopped_by and redis.call('HGET', key, 'stopped_by') ~= entry.stopped_by then
    redis.call('HSET', key, 'stopped_by', entry.stopped_by)
    finish_if_over(account, entry.batch, now)
  end
end
if #emptied > 0 then redis.call('ZREM', open, unpack(emptied)) end
if #granted > 0 then redis.call('HSET', acct, 'vclock', vclock) end
redis.call('HSET', acct, 'paced_at', now, 'paced_left', math.max(0, left - #granted))
return granted
