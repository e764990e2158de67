-- Leases what is due: nobody else is sent for it until the lease ends.
-- ARGV: now or '', account, most, lease_s. Returns ref, state, ref, state, ...
local now, account = clock(ARGV[1]), ARGV[2]
local acct = account_key(account)
local due = acct .. ':due'

-- A clock that was set back would let the account stand still until it is again as late
-- as it was: what is in the future comes nearer by as much. Workers lease twice a second,
-- so the time of the last one is the time before.
local STEP_S = 2
local last = number(acct, 'clock')
if now < last - STEP_S then
  local back_s = last - now
  local function earlier(score) return string.format('%.6f', tonumber(score) - back_s) end
  for _, name in ipairs({ ':due', ':starts', ':slots' }) do
    local all = redis.call('ZRANGE', acct .. name, 0, -1, 'WITHSCORES')
    for i = 1, #all, 2 do
      if all[i + 1] ~= 'inf' then redis.call('ZADD', acct .. name, earlier(all[i + 1]), all[i]) end
    end
  end
  for _, field in ipairs({ 'cooling_until', 'adaptive_raise_at' }) do
    local at = number(acct, field)
    if at > now then redis.call('HSET', acct, field, earlier(at)) end
  end
  for _, batch in ipairs(redis.call('ZRANGE', acct .. ':live', 0, -1)) do
    local at = number(batch_key(batch), 'held_until')
    if at > now then redis.call('HSET', batch_key(batch), 'held_until', earlier(at)) end
    local waiting = batch_key(batch) .. ':waiting'
    local behind = redis.call('ZRANGEBYSCORE', waiting, BEHIND + now, '+inf', 'WITHSCORES')
    for i = 1, #behind, 2 do
      redis.call('ZADD', waiting, earlier(behind[i + 1]), behind[i])
    end
  end
end
if math.abs(now - last) > 1 then redis.call('HSET', acct, 'clock', string.format('%.6f', now)) end

local leased = {}
for _, ref in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, tonumber(ARGV[3]))) do
  redis.call('ZADD', due, now + tonumber(ARGV[4]), ref)
  leased[#leased + 1] = ref
  leased[#leased + 1] = redis.call('HGET', job_key(ref), 'state') or ''
end
return leased
