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

-- A batch is due to be reported while nothing is left but what a person decides.
local function finish_if_over(account, batch, now)
  local key = batch_key(batch)
  if redis.call('HGET', key, 'complete') ~= '1' then return end
  local due = account_key(account) .. ':due'
  if number(key, 'unfinished') - number(key, 'n:unresolved') <= 0 then
    redis.call('ZADD', due, now, batch .. '/')
  else
    redis.call('ZREM', due, batch .. '/')
  end
end
