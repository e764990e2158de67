-- Moves one job by one event, with its money, its permit and its place in the due-set,
-- if it is still where the mover believed it. Returns 1, or 0 where somebody was
-- quicker, or -1 where the prediction belongs to an attempt already; for a claim the
-- time that it is stamped with.
-- ARGV: now or '', ref, state, next state, permit (or `permit:mark` of a claim under a
--   mark), due_in_s or '', reserved, charged, refunded, slot, token, held_s, window_s,
--   prediction id, '1' if the account was over a limit, count of writes, (field,
--   value)..., fields to erase...
local now, ref, state, after = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local permit, mark = string.match(ARGV[5], '^(%d+):?(.*)$')
local due_in_s, slot, token = ARGV[6], ARGV[10], ARGV[11]
local batch, id = string.match(ref, '^([^/]*)/(.*)$')
local job, key = job_key(ref), batch_key(batch)

local is = redis.call('HMGET', job, 'state', 'permit', 'looks', 'generated_at', 'mark', 'doubt')
if is[1] ~= state or is[2] ~= permit then return 0 end
-- A ledger that went back gives the same permit twice, and no mark.
if mark ~= '' and is[5] ~= mark then return 0 end
-- What an older ledger may have forgotten is sent again only by who knows of that.
if after == 'waiting' and is[6] then
  local knows = false
  for i = 17 + 2 * tonumber(ARGV[16]), #ARGV do knows = knows or ARGV[i] == 'doubt' end
  if not knows then return 0 end
end

-- What comes back to be sent again finds its batch cancelled, and is too.
local was_over = state == 'failed' or state == 'cancelled'
if after == 'waiting' and not was_over and redis.call('HGET', key, 'cancelled') == '1' then
  after = 'cancelled'
end

-- Of a batch whose job records are being deleted nothing comes back.
if was_over and redis.call('HEXISTS', key, 'deleted_at') == 1 then return 0 end

local account = redis.call('HGET', key, 'account')
local acct = account_key(account)
local prediction = ARGV[14]
if prediction ~= '' then
  if owner_of(account, prediction, now) then return -1 end
  remember(account, prediction, ref, now)
end

-- A request of the account was accepted: what rejections had taught is looked at anew.
local function accepted(sent_at, generating)
  local model = kind_of(redis.call('HGET', job, 'job'))
  redis.call('HSET', acct .. ':accepted', model, sent_at)
  local is = redis.call('HMGET', acct, 'cooling_until', 'consecutive_rejections', 'trouble',
    'reason', 'losses', 'adaptive_concurrency')
  redis.call('DEL', acct .. ':forbidden')
  if (tonumber(is[5] or '0') or 0) > 0 then redis.call('HINCRBY', acct, 'losses', -1) end
  -- An acceptance of the rejected burst itself does not end the cooldown.
  local is_cooling = (tonumber(is[1] or '0') or 0) > now
  if not is_cooling and ((is[2] or '0') ~= '0' or (is[3] or '') ~= '' or (is[4] or '') ~= '') then
    redis.call('HSET', acct, 'consecutive_rejections', 0, 'trouble', '', 'reason', '')
  end
  -- It takes more than it was given: twice as many are tried.
  if is[6] and generating > tonumber(is[6]) then
    local raised = is_cooling and generating or 2 * generating
    if raised < number(acct, 'concurrent_videos') then
      redis.call('HSET', acct, 'adaptive_concurrency', raised)
    else
      redis.call('HDEL', acct, 'adaptive_concurrency', 'adaptive_raise_s', 'adaptive_raise_at')
    end
  end
end

local writes = tonumber(ARGV[16])
-- The server's clock says when a request may have left: those of workers may be set.
local stamp = after == 'submitting' and string.format('%.3f', now)
if stamp then
  for i = 17, 15 + 2 * writes, 2 do
    if string.match(ARGV[i], '^attempt:') then
      ARGV[i + 1] = string.gsub(ARGV[i + 1], '"sent_at_s":0%.0', '"sent_at_s":' .. stamp, 1)
    end
  end
end
redis.call('HSET', job, 'state', after, unpack(ARGV, 17, 16 + 2 * writes))
if #ARGV > 16 + 2 * writes then redis.call('HDEL', job, unpack(ARGV, 17 + 2 * writes)) end

redis.call('HINCRBY', key, 'n:' .. state, -1)
redis.call('HINCRBY', key, 'n:' .. after, 1)
if ARGV[7] ~= '0' then redis.call('HINCRBY', key, 'reserved', ARGV[7]) end
if ARGV[8] ~= '0' then redis.call('HINCRBY', key, 'charged', ARGV[8]) end
if ARGV[9] ~= '0' then redis.call('HINCRBY', key, 'refunded', ARGV[9]) end
if ARGV[15] == '1' then redis.call('HINCRBY', key, 'throttled', 1) end
-- What may have been sent is held like a permit, from today's budget, too.
if tonumber(ARGV[7]) > 0 then
  redis.call('HINCRBY', acct, day_of(now), ARGV[7])
  redis.call('HSET', job, 'day', day_of(now))
end
-- Reserved money that comes back uncharged was not spent on the day of its permit.
local released = -(tonumber(ARGV[7]) + tonumber(ARGV[8]))
if released > 0 then
  redis.call('HINCRBY', acct, redis.call('HGET', job, 'day'), -released)
  redis.call('HSET', key, 'stopped_by', '')
end

if after == 'failed' or after == 'unresolved' or after == 'overdue' then note_failure(batch, id) end

-- Those whose answer is lost are reconciled with the history all together.
if after == 'unknown' or after == 'unresolved' then
  redis.call('SADD', acct .. ':lost', ref)
elseif state == 'unknown' or state == 'unresolved' then
  redis.call('SREM', acct .. ':lost', ref)
end

if state == 'generating' then
  redis.call('HINCRBY', acct, 'generating', -1)
  tally(acct, 'polls', POLLS, tonumber(is[3] or '0') + 1)
end
if after == 'stored' and is[4] then tally(acct, 'lag', LAG_S, now - tonumber(is[4])) end
-- What is paid and not stored, by when it was sent: the provider deletes it in time.
local PAID = { generating = true, overdue = true, generated = true }
if after == 'overdue' then note_late(account, ref) end
if PAID[state] and after ~= 'overdue' then redis.call('ZREM', acct .. ':late', ref) end
if PAID[state] and not PAID[after] then redis.call('ZREM', acct .. ':uncollected', ref) end
if after == 'generating' then
  local sent_at
  for i = 18, 16 + 2 * writes, 2 do
    sent_at = sent_at or string.match(ARGV[i], '"sent_at_s":([%d.]+)')
  end
  redis.call('ZADD', acct .. ':uncollected', sent_at or now, ref)
  local generating = redis.call('HINCRBY', acct, 'generating', 1)
  -- Finding one that was accepted before says nothing of the account now.
  if state == 'submitting' then accepted(sent_at or now, generating) end
end

if slot == 'take' then redis.call('ZADD', acct .. ':slots', '+inf', ref) end
if slot == 'free' then redis.call('ZREM', acct .. ':slots', ref) end
if slot == 'lend' then redis.call('ZADD', acct .. ':slots', 'XX', now + tonumber(ARGV[12]), ref) end
if slot == 'leave' then
  local held_until = redis.call('ZSCORE', acct .. ':slots', ref)
  if held_until then
    local left_until = math.min(tonumber(held_until), now + tonumber(ARGV[12]))
    redis.call('ZREM', acct .. ':slots', ref)
    redis.call('ZADD', acct .. ':slots', left_until, ref .. '/' .. permit)
  end
end
local start = ref .. '#' .. permit
if token == 'drop' then redis.call('ZREM', acct .. ':starts', start) end
if token == 'count' then redis.call('ZADD', acct .. ':starts', 'XX', now + tonumber(ARGV[13]), start) end

if due_in_s ~= '' then
  local due_at = now + tonumber(due_in_s)
  if state == 'submitting' and after == 'generating' then
    due_at = await_first_poll(account, ref, now, tonumber(due_in_s))
  end
  redis.call('ZADD', acct .. ':due', due_at, ref)
else
  redis.call('ZREM', acct .. ':due', ref)
end
if state == 'waiting' then redis.call('ZREM', key .. ':waiting', id) end
if state == 'failed' or state == 'cancelled' then
  redis.call('HINCRBY', key, 'unfinished', 1)
  batch_lives(account, batch, now)
end
-- Only a person brings these back; what is told of the batch then is news again.
if state == 'failed' or state == 'cancelled' or state == 'unresolved' then
  redis.call('HINCRBY', key, 'rounds', 1)
end
-- Taken back before anybody knew who would make it, it counts as one of its own; and
-- a lost ledger is told what was reused.
if state == 'following' then
  estimate(key, redis.call('HGET', job, 'price'), 1)
  local leader = redis.call('HGET', job, 'leader')
  if leader then redis.call('SREM', job_key(leader) .. ':followers', ref) end
end
if after == 'reused' then estimate(key, redis.call('HGET', job, 'price'), -1) end
if after == 'waiting' then
  local waits = redis.call('HMGET', job, 'rejected', 'again_at')
  local again_at = waits[2] or waits[1] and string.match(waits[1], '%S+$')
  -- Nothing waits longer than a minute: a later time is of a clock that was set back.
  local behind = again_at and BEHIND + math.min(tonumber(again_at), now + 60)
  redis.call('ZADD', key .. ':waiting', behind or redis.call('HGET', job, 'place'), id)
  open_batch(account, batch)
  -- Before it is paid again, another may have made it meanwhile, or makes it.
  if state == 'failed' or state == 'cancelled' then resolve_duplicate(ref, now, true) end
  if state == 'unresolved' or is[6] then resolve_duplicate(ref, now) end
elseif due_in_s == '' then
  redis.call('HINCRBY', key, 'unfinished', -1)
end
if after == 'stored' then
  local asked = asked_key(redis.call('HGET', key, 'store'))
  local names = redis.call('HMGET', job, 'content', 'written')
  if names[1] then redis.call('HSET', asked, names[1], ref) end
  if names[2] then redis.call('HSET', asked, names[2], ref) end
end
if after == 'waiting' or due_in_s == '' then wake_followers(ref, account, now) end
finish_if_over(account, batch, now)
return stamp or 1
