-- How batches stand, for whoever watches them: as much is read of a batch of 100,000
-- jobs as of one of ten. What grows with the fleet is the count of workers.
-- ARGV: now or '', seconds after which a worker counts as dead, most failures told of a
--   batch, most jobs looked at to tell what waits (0: it is not told), batches...
-- Returns JSON, hashes as flat lists; a part that is empty may come as an object, and a
-- batch that is not there is left out.
local now, silent_s = clock(ARGV[1]), tonumber(ARGV[2])
local most_failures, looked_at = tonumber(ARGV[3]), tonumber(ARGV[4])
local BLOCK, MOST_BESIDE, MOST_LATE = 500, 100, 500
local ACCOUNT = {
  'videos_per_minute', 'concurrent_videos', 'cooling_until', 'consecutive_rejections', 'trouble',
  'reason', 'paused', 'refusals', 'adaptive_concurrency', 'daily_budget', day_of(now), 'older', 'older_at',
}

-- Workers that live, by the account that they work for: all of them, because those of
-- one account must not hide another's. Of each block no more than one command can take.
local function workers_of()
  local workers, counts = PREFIX .. 'workers', {}
  local names = redis.call('ZRANGEBYSCORE', workers, '(' .. (now - silent_s), '+inf')
  for first = 1, #names, BLOCK do
    local last = math.min(first + BLOCK - 1, #names)
    for _, facts in ipairs(redis.call('HMGET', workers .. ':facts', unpack(names, first, last))) do
      local account = facts and cjson.decode(facts).account
      if account then counts[account] = (counts[account] or 0) + 1 end
    end
  end
  return counts
end

local function account_of(account, workers)
  local acct = account_key(account)
  local hash = {}
  local values = redis.call('HMGET', acct, unpack(ACCOUNT))
  for i, field in ipairs(ACCOUNT) do
    if values[i] then
      hash[#hash + 1] = field
      hash[#hash + 1] = values[i]
    end
  end
  return {
    hash = hash,
    slots = redis.call('ZCOUNT', acct .. ':slots', '(' .. now, '+inf'),
    starts = redis.call('ZCOUNT', acct .. ':starts', '(' .. now, '+inf'),
    workers = workers[account] or 0,
  }
end

-- Those of the last failures that still are.
local function failures_of(batch)
  local found = {}
  for _, id in ipairs(redis.call('LRANGE', failures_key(batch), 0, -1)) do
    if #found == most_failures then break end
    local is = redis.call('HMGET', job_key(batch .. '/' .. id), 'state', 'failure')
    if is[1] == 'failed' or is[1] == 'unresolved' or is[1] == 'overdue' then
      found[#found + 1] = { id = id, state = is[1], failure = is[2] or nil }
    end
  end
  return found
end

-- Those of the oldest predictions that take far too long which are of a batch.
local function late_of(batch, account)
  local found = {}
  for _, ref in ipairs(redis.call('ZRANGE', account_key(account) .. ':late', 0, MOST_LATE - 1)) do
    if #found == most_failures then break end
    if batch_of(ref) == batch then found[#found + 1] = string.sub(ref, #batch + 2) end
  end
  return found
end

-- What waits in a batch, or is in it if nothing waits, by model and seconds of video,
-- told from jobs evenly spread over it; with the generation times of each.
local function kinds_of(batch, account)
  local key = batch_key(batch) .. ':waiting'
  local count = redis.call('ZCARD', key)
  if count == 0 then
    key = batch_key(batch) .. ':jobs'
    count = redis.call('ZCARD', key)
  end
  local kinds, order = {}, {}
  for place = 0, count - 1, math.max(1, math.ceil(count / looked_at)) do
    local id = redis.call('ZRANGE', key, place, place)[1]
    local text = redis.call('HGET', job_key(batch .. '/' .. id), 'job')
    if text then
      local model, length, name = kind_of(text)
      if not kinds[name] then
        local times = redis.call('LRANGE', account_key(account) .. ':times:' .. name, 0, -1)
        kinds[name] = { model = model, duration_s = length, jobs = 0, times = times }
        order[#order + 1] = kinds[name]
      end
      kinds[name].jobs = kinds[name].jobs + 1
    end
  end
  return order
end

-- How many jobs of other batches are started before those of this one are: each gets
-- its weight in starts, turn by turn.
local function beside(batch, account)
  local turns = redis.call('ZCARD', batch_key(batch) .. ':waiting')
    / math.max(1, number(batch_key(batch), 'priority'))
  local jobs = 0
  for _, other in ipairs(redis.call('ZRANGE', account_key(account) .. ':open', 0, MOST_BESIDE - 1)) do
    if other ~= batch and not is_held(batch_key(other)) then
      local weight = math.max(1, number(batch_key(other), 'priority'))
      local waiting = redis.call('ZCARD', batch_key(other) .. ':waiting')
      jobs = jobs + math.min(waiting, math.ceil(turns * weight))
    end
  end
  return jobs
end

local workers, accounts, batches = workers_of(), {}, {}
for i = 5, #ARGV do
  local batch = ARGV[i]
  local hash = redis.call('HGETALL', batch_key(batch))
  local account = redis.call('HGET', batch_key(batch), 'account')
  if account then
    accounts[account] = accounts[account] or account_of(account, workers)
    local told = {
      id = batch,
      account = account,
      hash = hash,
      failures = failures_of(batch),
      late = late_of(batch, account),
    }
    if looked_at > 0 then
      told.kinds, told.beside = kinds_of(batch, account), beside(batch, account)
    end
    batches[#batches + 1] = told
  end
end
return cjson.encode({ now = now, accounts = accounts, batches = batches })
