-- A paid request was rejected, or its answer was lost: what follows for its job and for
-- its account.
-- ARGV: now or '', account, ref, permit, cause (`throttled`, `lost`, or the trouble:
--   `permission`, `key`, `balance`), cooldown_s, reason, consecutive rejections when the
--   request went out.
-- Returns 0 if only the job is kept waiting, 1 if the account cools down, 2 if the job is
-- refused for good.
local now, account, ref, permit = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local cause, cooldown_s, reason, told = ARGV[5], tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8])
local acct, job = account_key(account), job_key(ref)
local JOB, ACCOUNT, FINAL = 0, 1, 2

local consecutive = number(acct, 'consecutive_rejections')
-- Answers to requests of the same burst count once.
local is_first = consecutive == told

-- Lost answers weigh so much, acceptances one less, so that more than a fifth of the last
-- answers must be lost, or five in a row, before the account cools down.
local LOSS, MOST_LOSSES = 4, 20

-- A job is tried again after so many seconds, twice as many each time, and refused for
-- good at this rejection, if that is a matter of its own.
local AGAIN_S, LONGEST_AGAIN_S, MOST_REJECTIONS = 5, 60, 4

-- For so long before it was first rejected an acceptance shows that the account works,
-- unless more jobs than these were forbidden since.
local LATELY_S, FEW = 600, 3

-- When a request was sent is rounded to this.
local MOMENT_S = 0.001

-- Seconds until one start more than was taken is tried again, twice as many each time.
local RAISE_S, LONGEST_RAISE_S = 2, 300

-- When requests that were accepted last had been sent: of a model, and of all others.
local function accepted_at(model)
  local own, others = 0, 0
  local flat = redis.call('HGETALL', acct .. ':accepted')
  for i = 1, #flat, 2 do
    local at = tonumber(flat[i + 1])
    if flat[i] == model then own = at else others = math.max(others, at) end
  end
  return own, others
end

-- Counts a rejection of the job, once for each permit. Returns how many there were, and
-- when the first and the last but this one were.
local function count_rejection()
  local before = redis.call('HGET', job, 'rejected') or string.format('0 - %.17g %.17g', now, now)
  local count, counted, first_at, last_at = string.match(before, '(%S+) (%S+) (%S+) (%S+)')
  count = tonumber(count) + (counted == permit and 0 or 1)
  local again_at = now + math.min(LONGEST_AGAIN_S, AGAIN_S * 2 ^ (count - 1))
  local told_now = string.format('%d %s %s %.17g %.17g', count, permit, first_at, now, again_at)
  redis.call('HSET', job, 'rejected', told_now)
  return count, tonumber(first_at), tonumber(last_at)
end

-- What a 403, or a want of money, means: a matter of the job, or of the account.
local function judge()
  local count, first_at, last_at = count_rejection()
  local own, others = accepted_at((kind_of(redis.call('HGET', job, 'job'))))
  local latest = math.max(own, others)
  -- A job that others overtook since it was rejected keeps none of them waiting.
  if cause ~= 'permission' then
    return count > 1 and latest > last_at + MOMENT_S and JOB or ACCOUNT
  end
  redis.call('SADD', acct .. ':forbidden', ref)
  local are_few = redis.call('SCARD', acct .. ':forbidden') <= FEW
  local lately = first_at - LATELY_S
  local is_its_models = others > lately and own <= lately
  local is_its_own = count > 1 and latest > first_at + MOMENT_S or are_few and latest > lately
  if not (is_its_own or is_its_models) then return ACCOUNT end
  if redis.call('HGET', acct, 'trouble') == 'permission' then
    redis.call('HSET', acct, 'trouble', '', 'reason', '', 'consecutive_rejections', 0)
  end
  if count < MOST_REJECTIONS then return JOB end
  redis.call('SREM', acct .. ':forbidden', ref)
  return FINAL
end

-- Learns from a 429 how many the provider takes at once. It says nothing of that while
-- the window of starts is full.
local function adapt()
  local limit = number(acct, 'concurrent_videos')
  local before = tonumber(redis.call('HGET', acct, 'adaptive_concurrency') or limit)
  local started = redis.call('ZCOUNT', acct .. ':starts', '(' .. now, '+inf')
  if started >= 0.9 * number(acct, 'videos_per_minute') then return end
  local taken = number(acct, 'generating')
  -- One may be a stray: it halves. The second of a burst, or in a row, is believed.
  local is_stray = is_first and told == 0
  local adapted = is_stray and math.max(taken, math.floor(before / 2)) or taken
  adapted = math.max(1, math.min(before, adapted))
  if adapted >= limit then return end
  redis.call('HSET', acct, 'adaptive_concurrency', adapted)
  if not is_first then return end
  local raise_s = math.min(LONGEST_RAISE_S, math.max(RAISE_S, 2 * number(acct, 'adaptive_raise_s')))
  redis.call('HSET', acct, 'adaptive_raise_s', raise_s, 'adaptive_raise_at', now + raise_s)
end

if cause == 'throttled' then
  redis.call('HINCRBY', acct, 'throttled', 1)
  adapt()
elseif cause == 'lost' then
  local losses = math.min(MOST_LOSSES, number(acct, 'losses') + LOSS)
  redis.call('HSET', acct, 'losses', losses)
  if losses < MOST_LOSSES and consecutive == 0 then return JOB end
else
  local verdict = judge()
  if verdict ~= ACCOUNT then return verdict end
end
redis.call('HINCRBY', acct, 'refusals', 1)
if is_first then redis.call('HINCRBY', acct, 'consecutive_rejections', 1) end
local until_s = now + cooldown_s
if until_s > number(acct, 'cooling_until') then redis.call('HSET', acct, 'cooling_until', until_s) end
local is_trouble = cause ~= 'throttled' and cause ~= 'lost'
-- A busy provider says nothing of the trouble that there was before.
if is_trouble or (redis.call('HGET', acct, 'trouble') or '') == '' then
  redis.call('HSET', acct, 'trouble', is_trouble and cause or '', 'reason', reason)
end
return ACCOUNT
