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

-- Waiting jobs stand in the order of their manifest; those that were rejected behind all
-- others, from here on by when they may be tried again.
local BEHIND = 1e12

-- How long a batch that is over is shown by `figures`.
local SHOWN_S = 86400

-- A batch that has something left to do, and one in which all is over.
local function batch_lives(account, batch, now)
  redis.call('ZREM', account_key(account) .. ':reported', batch)
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

-- A batch is due to be reported while nothing is left but what a person decides, what is
-- overdue, or what its budget keeps from starting. Each change makes a report another
-- version; who is at work on one keeps the lease, and finds out in `drop`.
local function finish_if_over(account, batch, now)
  local is = redis.call('HMGET', batch_key(batch),
    'complete', 'unfinished', 'n:unresolved', 'n:waiting', 'stopped_by', 'n:overdue')
  if is[1] ~= '1' then return end
  local due = account_key(account) .. ':due'
  local unfinished = tonumber(is[2] or '0')
  local left = unfinished - tonumber(is[3] or '0') - tonumber(is[6] or '0')
  if is[5] and is[5] ~= '' then left = left - tonumber(is[4] or '0') end
  if left <= 0 then
    redis.call('HINCRBY', batch_key(batch), 'report_version', 1)
    redis.call('ZADD', due, 'NX', now, batch .. '/')
    if unfinished <= 0 then batch_ended(account, batch, now) end
  else
    redis.call('ZREM', due, batch .. '/')
  end
end

-- Upper bounds of the counts that `figures` hands out: seconds from finished to stored,
-- and polls of one prediction.
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

-- What a deleted job left for those that ask for the same. It expires.
local function left_key(store, name)
  return PREFIX .. 'left:' .. string.sub(redis.sha1hex(store), 1, 12) .. ':' .. name
end

local function batch_of(ref) return string.match(ref, '^([^/]*)/') end

-- Seconds between two checks of a job on the one it follows; mostly it is woken.
local FOLLOW_S = 30

-- The kind of a job: model, seconds of video, and both as one name. Those of one kind
-- take about as long.
local function kind_of(job_json)
  local job = cjson.decode(job_json)
  local length = type(job.duration_s) == 'number' and job.duration_s or 0
  return job.model, length, job.model .. ':' .. string.format('%d', length)
end

-- Jobs of a kind that nobody has polled, by when they are due. One that has another
-- time in the due-set was leased since.
local function first_polls_key(account, kind) return account_key(account) .. ':first_polls:' .. kind end
local FIRST_POLLS_KEPT_S = 3600

-- For a while after one of a kind was done sooner than expected: seconds after which
-- what is accepted is polled at the latest, and until when that holds.
local function first_poll_key(account, kind) return account_key(account) .. ':first_poll:' .. kind end

-- A job was accepted; when its first poll is due.
local function await_first_poll(account, ref, now, due_in_s)
  local _, _, kind = kind_of(redis.call('HGET', job_key(ref), 'job'))
  local latest_s, until_s = string.match(redis.call('GET', first_poll_key(account, kind)) or '', '(%S+) (%S+)')
  if latest_s and now < tonumber(until_s) then due_in_s = math.min(due_in_s, latest_s) end
  local due_at, key = now + due_in_s, first_polls_key(account, kind)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  redis.call('ZADD', key, due_at, ref)
  redis.call('EXPIRE', key, FIRST_POLLS_KEPT_S)
  return due_at
end

local BEING_MADE = {
  admitted = true, submitting = true, unknown = true,
  unresolved = true, generating = true, overdue = true, generated = true,
}

-- Whether waiting jobs of a batch will be started: nobody and no budget holds it.
local function is_held(key)
  local held = redis.call('HMGET', key, 'paused', 'aside', 'cancelled', 'stopped_by')
  return held[1] == '1' or held[2] == '1' or held[3] == '1' or held[4] == 'budget'
end

-- Days that a prediction's job is remembered after its own: the provider lists it for
-- seven.
local PREDICTIONS_DAYS = 9

local function predictions_key(account, day)
  return account_key(account) .. ':predictions:' .. string.format('%d', day)
end

-- Whose a prediction is, of those that the provider may still tell of; or false.
local function owner_of(account, prediction, now)
  local today = math.floor(now / 86400)
  for day = today, today - PREDICTIONS_DAYS, -1 do
    local owner = redis.call('HGET', predictions_key(account, day), prediction)
    if owner then return owner end
  end
  return false
end

-- Writes down whose a prediction is. The first of a day drops the days that are over.
local function remember(account, prediction, ref, now)
  local acct, today = account_key(account), math.floor(now / 86400)
  redis.call('HSET', predictions_key(account, today), prediction, ref)
  local since = tonumber(redis.call('HGET', acct, 'predictions_since'))
  local first = today - PREDICTIONS_DAYS
  if since and since >= first then return end
  for day = since or first, first - 1 do redis.call('UNLINK', predictions_key(account, day)) end
  redis.call('HSET', acct, 'predictions_since', string.format('%d', first))
end

-- Puts a prediction among those that go on far beyond the times of their kind, by when
-- it was sent.
local function note_late(account, ref)
  local sent_at = redis.call('ZSCORE', account_key(account) .. ':uncollected', ref)
  if sent_at then redis.call('ZADD', account_key(account) .. ':late', sent_at, ref) end
end

-- Jobs of a batch that failed, became unresolved or overdue last: what whoever watches is
-- told first. One that has gone on since may still be among them.
local FAILURES_KEPT = 20
local function failures_key(batch) return batch_key(batch) .. ':failures' end
local function note_failure(batch, id)
  redis.call('LREM', failures_key(batch), 0, id)
  redis.call('LPUSH', failures_key(batch), id)
  redis.call('LTRIM', failures_key(batch), 0, FAILURES_KEPT - 1)
end

local function failure_of(ref)
  local failure = redis.call('HGET', job_key(ref), 'failure')
  return failure and cjson.decode(failure)
end

local function was_moderated(failure) return failure and failure.code == 'moderation' end

-- What is known under a name to a job of the batch `own`: the job of another that has it,
-- or what a deleted one left, directly or under the name of its content.
local function known_by(store, name, own)
  local ref = redis.call('HGET', asked_key(store), name)
  -- Rows of one batch never share: whoever writes two wants two.
  if ref and batch_of(ref) ~= own then
    local is = redis.call('HMGET', job_key(ref), 'state', 'content')
    return { ref = ref, state = is[1], content = is[2] or '' }
  end
  local text = redis.call('GET', left_key(store, name))
  if text and string.sub(text, 1, 1) == '=' then
    text = redis.call('GET', left_key(store, string.sub(text, 2)))
  end
  if not text then return nil end
  local left = cjson.decode(text)
  left.state = left.video and 'stored' or 'failed'
  return left
end

-- Leaves for jobs of the same request what they need of one that is to be forgotten, for some
-- seconds. What another left before stays for as long from now: it was of use again.
local function leave_for_duplicates(store, ref, seconds)
  local is = redis.call('HMGET', job_key(ref), 'state', 'content', 'written', 'video', 'bytes', 'sha256', 'poster', 'quality')
  local content, written, failure = is[2] or '', is[3] or '', failure_of(ref)
  local left
  if is[1] == 'stored' or is[1] == 'reused' then
    left = { ref = ref, content = content, video = is[4], bytes = is[5], sha256 = is[6], poster = is[7] or nil, quality = is[8] or nil }
  elseif is[1] == 'failed' and was_moderated(failure) then
    left = { ref = ref, content = content, failure = failure }
  end
  local text = left and cjson.encode(left)
  for _, name in ipairs({ content, written }) do
    local owner = name ~= '' and redis.call('HGET', asked_key(store), name)
    if owner == ref then
      redis.call('HDEL', asked_key(store), name)
      if text then redis.call('SET', left_key(store, name), text, 'EX', seconds) end
      -- Under the other name a pointer will do.
      if text and name == content then text = '=' .. content end
    elseif name ~= '' and not owner then
      redis.call('EXPIRE', left_key(store, name), seconds)
    end
  end
end

-- Which other job has, makes or may make what is asked for, and what that means for
-- whoever asks: `reused`, `following`, or `waiting` to make it itself. Then, of a
-- deleted one, what it left. Jobs that make a video for another account are no help:
-- maybe nobody is at work for it. With `alone` it is told as if all other batches were
-- put aside; who insists tries again what was refused.
local function find_duplicate(ref, store, account, content, written, alone, insist)
  local own = batch_of(ref)
  local key = batch_key(own)
  for _, name in ipairs({ content, written }) do
    local theirs = name ~= '' and known_by(store, name, own)
    if theirs then
      local other, state, known = theirs.ref, theirs.state, theirs.content
      local differs = content ~= '' and known ~= '' and known ~= content
      local their_key = batch_key(batch_of(other))
      if state and not differs then
        if state == 'stored' or state == 'reused' then return 'reused', other, theirs end
        -- Refused unchanged it would be again, and charged again.
        if state == 'failed' and not insist and was_moderated(theirs.failure or failure_of(other)) then
          return 'failed', other, theirs
        end
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

-- A job whose video another makes or has made is no part of its batch's estimate.
local SHARING = { following = true, reused = true }

-- Counts the price of a job into its batch's estimate, or with -1 out of it; '' or
-- false is a price that is not known.
local function estimate(key, price, sign)
  if price and price ~= '' then
    redis.call('HINCRBY', key, 'estimated', string.format('%d', sign * tonumber(price)))
  else
    redis.call('HINCRBY', key, 'unpriced', sign)
  end
end

-- A job goes from waiting or following to another state of which no permit is part.
-- `left` is what a deleted leader left.
local function change_state(ref, from, to, leader, now, left)
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
  if SHARING[from] and not SHARING[to] then estimate(key, is[1], 1) end
  if SHARING[to] and not SHARING[from] then estimate(key, is[1], -1) end
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
      -- One that was cancelled is still among them, and may be deleted.
      if redis.call('HGET', job_key(follower), 'state') == 'following' then
        redis.call('HSET', job_key(follower), 'leader', leader)
        redis.call('SADD', job_key(leader) .. ':followers', follower)
      end
    end
    redis.call('DEL', job .. ':followers')
  else
    redis.call('ZREM', due, ref)
  end
  if to == 'failed' then
    local failure = left and left.failure or failure_of(leader)
    local before = string.match(failure.message, '^refused before') and '' or 'refused before, as ' .. leader .. ': '
    failure.message = before .. failure.message
    redis.call('HSET', job, 'failure', cjson.encode(failure))
    note_failure(batch, id)
  end
  if to == 'reused' then
    local video = left and left.video and { left.video, left.bytes, left.sha256, left.poster, left.quality }
      or redis.call('HMGET', job_key(leader), 'video', 'bytes', 'sha256', 'poster', 'quality')
    redis.call('HSET', job, 'video', video[1], 'bytes', video[2], 'sha256', video[3])
    if video[4] then redis.call('HSET', job, 'poster', video[4]) end
    if video[5] then redis.call('HSET', job, 'quality', video[5]) end
  end
  if to == 'reused' or to == 'failed' then
    redis.call('HINCRBY', key, 'unfinished', -1)
    -- Whoever followed this one looks anew.
    wake_followers(ref, account, now)
  end
  finish_if_over(account, batch, now)
end

-- Whoever asks for the same from here on finds this job.
local function own_names(store, content, written, ref)
  if content ~= '' then redis.call('HSET', asked_key(store), content, ref) end
  redis.call('HSET', asked_key(store), written, ref)
end

-- A job that waits or follows makes its video itself, waits for another that makes it,
-- or takes the one that is there; in a fresh batch it makes its own. Whoever makes it
-- is found by the next that asks.
local function resolve_duplicate(ref, now, insist)
  local job = job_key(ref)
  local is = redis.call('HMGET', job, 'state', 'content', 'written', 'leader')
  local content, written = is[2] or '', is[3] or ''
  if written == '' then return end
  local key = batch_key(batch_of(ref))
  local batch = redis.call('HMGET', key, 'store', 'account', 'fresh')
  if batch[3] == '1' then return end
  local to, other, left = find_duplicate(ref, batch[1], batch[2], content, written, false, insist)
  if to == 'waiting' then
    own_names(batch[1], content, written, ref)
    if is[1] ~= 'waiting' then change_state(ref, is[1], 'waiting', nil, now) end
    -- One that waits in a batch that nobody goes on with hands over to this one.
    if other then change_state(other, 'waiting', 'following', ref, now) end
  elseif to ~= is[1] or other ~= is[4] then
    change_state(ref, is[1], to, other, now, left)
    -- What a deleted job left expires; from here on this one has its video.
    if to == 'reused' and left.video then
      if content == '' then content = left.content end
      if content ~= '' then redis.call('HSET', job, 'content', content) end
      own_names(batch[1], content, written, ref)
    end
  end
end
