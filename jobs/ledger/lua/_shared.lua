-- Put before every script: the server's clock and the names of keys (see keys.py).
local PREFIX = 'reelmill:'

-- Seconds since 1970. A given time serves simulations; otherwise the server's own
-- clock counts, so that machines with wrong clocks agree.
local function clock(given)
  if given ~= '' then return tonumber(given) end
  local t = redis.call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1000000
end

local function batch_key(batch) return PREFIX .. 'batch:' .. batch end
local function job_key(ref) return PREFIX .. 'job:' .. ref end
local function account_key(account) return PREFIX .. 'account:' .. account end
local function schedule_key(name) return PREFIX .. 'schedule:' .. name end

local function number(key, field) return tonumber(redis.call('HGET', key, field) or '0') or 0 end

-- The day a moment belongs to, for the account's budget of a day (UTC).
local function day_of(now) return 'day:' .. math.floor(now / 86400) end

-- Puts a batch among those that have waiting jobs, at its own virtual time but not
-- before the account's, so that a pause earns no credit.
local function open_batch(account, batch)
  local clock_now = number(account_key(account), 'vclock')
  local own = number(batch_key(batch), 'vtime')
  redis.call('ZADD', account_key(account) .. ':open', 'NX', math.max(own, clock_now), batch)
end

-- How long a batch that is over is shown by `figures`.
local SHOWN_S = 86400

-- A batch that has something left to do, and one in which all is over.
local function batch_lives(account, batch, now)
  redis.call('ZADD', PREFIX .. 'batches:open', 'NX', number(batch_key(batch), 'created_at'), batch)
  redis.call('ZADD', account_key(account) .. ':live', 'NX', now, batch)
  redis.call('ZREM', account_key(account) .. ':ended', batch)
end
local function batch_ended(account, batch, now)
  local ended = account_key(account) .. ':ended'
  redis.call('ZREM', PREFIX .. 'batches:open', batch)
  redis.call('ZREM', account_key(account) .. ':live', batch)
  redis.call('ZADD', ended, 'NX', now, batch)
  redis.call('ZREMRANGEBYSCORE', ended, '-inf', now - SHOWN_S)
end

-- A batch is due to be reported while nothing is left but what a person decides, or
-- what its budget keeps from starting.
local function finish_if_over(account, batch, now)
  local is = redis.call('HMGET', batch_key(batch),
    'complete', 'unfinished', 'n:unresolved', 'n:waiting', 'stopped_by')
  if is[1] ~= '1' then return end
  local due = account_key(account) .. ':due'
  local unfinished = tonumber(is[2] or '0')
  local left = unfinished - tonumber(is[3] or '0')
  if is[5] and is[5] ~= '' then left = left - tonumber(is[4] or '0') end
  if left <= 0 then
    redis.call('ZADD', due, now, batch .. '/')
    if unfinished <= 0 then batch_ended(account, batch, now) end
  else
    redis.call('ZREM', due, batch .. '/')
  end
end

-- Upper bounds of the counts that `figures` hands out: seconds from finished to stored,
-- and looks at one prediction.
local LAG_S = { 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 86400 }
local POLLS = { 1, 2, 3, 4, 6, 8, 12, 20, 50 }

-- Counts a value in its account, under the least bound that it does not exceed.
local function tally(acct, what, bounds, value)
  local at = 'inf'
  for i = #bounds, 1, -1 do
    if value <= bounds[i] then at = bounds[i] end
  end
  redis.call('HINCRBY', acct, what .. ':' .. at, 1)
end

-- What was asked for in the store of a batch, by request: see asking.py.
local function asked_key(store) return PREFIX .. 'store:' .. redis.sha1hex(store) .. ':asked' end

local function batch_of(ref) return string.match(ref, '^([^/]*)/') end

-- Seconds between two looks of a job at the one it follows; mostly it is woken.
local FOLLOW_S = 30

local BEING_MADE = {
  admitted = true, submitting = true, unknown = true,
  unresolved = true, generating = true, generated = true,
}

-- Whether waiting jobs of a batch will be started: nobody and no budget holds it.
local function is_held(key)
  local held = redis.call('HMGET', key, 'paused', 'aside', 'cancelled', 'stopped_by')
  return held[1] == '1' or held[2] == '1' or held[3] == '1' or held[4] == 'budget'
end

local function was_moderated(ref)
  local failure = redis.call('HGET', job_key(ref), 'failure')
  return failure and cjson.decode(failure).code == 'moderation'
end

-- Which other job has, makes or may make what is asked for, and what that means for
-- whoever asks: `reused`, `following`, or `waiting` to make it itself. Jobs that make a
-- video for another account are no help: maybe nobody is at work for it. With `alone`
-- it is told as if all other batches were put aside; who insists tries again what was
-- refused.
local function twin_of(ref, store, account, content, written, alone, insist)
  local own = batch_of(ref)
  local key = batch_key(own)
  for _, name in ipairs({ content, written }) do
    local other = name ~= '' and redis.call('HGET', asked_key(store), name)
    -- Rows of one batch never share: whoever writes two wants two.
    if other and batch_of(other) ~= own then
      local theirs = redis.call('HMGET', job_key(other), 'state', 'content')
      local state, known = theirs[1], theirs[2] or ''
      local differs = content ~= '' and known ~= '' and known ~= content
      local their_key = batch_key(batch_of(other))
      if state and not differs then
        if state == 'stored' then return 'reused', other end
        -- Refused unchanged it would be again, and charged again.
        if state == 'failed' and not insist and was_moderated(other) then return 'failed', other end
        if redis.call('HGET', their_key, 'account') == account then
          if BEING_MADE[state] then return 'following', other end
          local starts = not alone and not is_held(their_key)
            and redis.call('HGET', their_key, 'complete') == '1'
          if state == 'waiting' and (starts or not alone and is_held(key)) then return 'following', other end
          if state == 'waiting' then return 'waiting', other end
        end
      end
    end
  end
  return 'waiting', nil
end

-- What has happened to a job concerns those that follow it.
local function wake_followers(ref, account, now)
  for _, follower in ipairs(redis.call('SMEMBERS', job_key(ref) .. ':followers')) do
    redis.call('ZADD', account_key(account) .. ':due', 'XX', now, follower)
  end
end

-- A job goes from waiting or following to another state of which no permit is part.
local function shift(ref, from, to, leader, now)
  local batch, id = string.match(ref, '^([^/]*)/(.*)$')
  local job, key = job_key(ref), batch_key(batch)
  local is = redis.call('HMGET', job, 'price', 'place', 'leader')
  local account = redis.call('HGET', key, 'account')
  local due = account_key(account) .. ':due'
  redis.call('HSET', job, 'state', to)
  redis.call('HINCRBY', key, 'n:' .. from, -1)
  redis.call('HINCRBY', key, 'n:' .. to, 1)
  if is[3] then redis.call('SREM', job_key(is[3]) .. ':followers', ref) end
  if leader then redis.call('HSET', job, 'leader', leader) else redis.call('HDEL', job, 'leader') end
  -- Only what a batch makes itself is part of its estimate.
  local sign = (to == 'waiting' and 1 or 0) - (from == 'waiting' and 1 or 0)
  if is[1] then
    redis.call('HINCRBY', key, 'estimated', sign * tonumber(is[1]))
  else
    redis.call('HINCRBY', key, 'unpriced', sign)
  end
  if from == 'waiting' then redis.call('ZREM', key .. ':waiting', id) end
  if to == 'waiting' then
    redis.call('ZADD', key .. ':waiting', is[2], id)
    if redis.call('HGET', key, 'complete') == '1' then open_batch(account, batch) end
  end
  if to == 'following' then
    redis.call('SADD', job_key(leader) .. ':followers', ref)
    redis.call('ZADD', due, now + FOLLOW_S, ref)
    -- Whoever followed this one follows the new one.
    for _, follower in ipairs(redis.call('SMEMBERS', job .. ':followers')) do
      redis.call('HSET', job_key(follower), 'leader', leader)
      redis.call('SADD', job_key(leader) .. ':followers', follower)
    end
    redis.call('DEL', job .. ':followers')
  else
    redis.call('ZREM', due, ref)
  end
  if to == 'failed' then
    local failure = cjson.decode(redis.call('HGET', job_key(leader), 'failure'))
    local before = string.match(failure.message, '^refused before') and '' or 'refused before, as ' .. leader .. ': '
    failure.message = before .. failure.message
    redis.call('HSET', job, 'failure', cjson.encode(failure))
  end
  if to == 'reused' then
    local video = redis.call('HMGET', job_key(leader), 'video', 'bytes', 'sha256')
    redis.call('HSET', job, 'video', video[1], 'bytes', video[2], 'sha256', video[3])
  end
  if to == 'reused' or to == 'failed' then
    redis.call('HINCRBY', key, 'unfinished', -1)
    -- Whoever followed this one looks anew.
    wake_followers(ref, account, now)
  end
  finish_if_over(account, batch, now)
end

-- A job that waits or follows makes its video itself, waits for another that makes it,
-- or takes the one that is there; in a fresh batch it makes its own. Whoever makes it
-- is found by the next that asks.
local function settle_twin(ref, now, insist)
  local job = job_key(ref)
  local is = redis.call('HMGET', job, 'state', 'content', 'written', 'leader')
  local content, written = is[2] or '', is[3] or ''
  if written == '' then return end
  local key = batch_key(batch_of(ref))
  local batch = redis.call('HMGET', key, 'store', 'account', 'fresh')
  if batch[3] == '1' then return end
  local to, other = twin_of(ref, batch[1], batch[2], content, written, false, insist)
  if to == 'waiting' then
    local asked = asked_key(batch[1])
    if content ~= '' then redis.call('HSET', asked, content, ref) end
    redis.call('HSET', asked, written, ref)
    if is[1] ~= 'waiting' then shift(ref, is[1], 'waiting', nil, now) end
    -- One that waits in a batch that nobody goes on with hands over to this one.
    if other then shift(other, 'waiting', 'following', ref, now) end
  elseif to ~= is[1] or other ~= is[4] then
    shift(ref, is[1], to, other, now)
  end
end
