-- One of a kind was done sooner than expected: those that nobody has polled are polled as
-- soon, oldest first and some moments apart, and for a minute what is accepted is, too.
-- ARGV: now or '', account, kind, took_s, poll_min_s. Returns how many are due sooner.
local now, account, kind = clock(ARGV[1]), ARGV[2], ARGV[3]
local poll_min_s = tonumber(ARGV[5])
local took_s = math.max(tonumber(ARGV[4]), poll_min_s)
-- Most that one step may move, so that others do not wait for it; whoever is polled then
-- brings the rest. Few at once are spread less than many: never over more than the
-- least time between two polls.
local MOST, APART_S, KEPT_S = 2000, 0.02, 60

redis.call('SET', first_poll_key(account, kind), took_s .. ' ' .. now + KEPT_S, 'EX', KEPT_S)
local due, first = account_key(account) .. ':due', first_polls_key(account, kind)
local sent = account_key(account) .. ':uncollected'
local refs = redis.call('ZREVRANGE', first, 0, MOST - 1)
local apart_s = math.min(APART_S, poll_min_s / #refs)
local moved, late = 0, 0
for i = #refs, 1, -1 do
  local ref = refs[i]
  local at = redis.call('ZSCORE', due, ref)
  if at and at == redis.call('ZSCORE', first, ref) then
    local likely = (tonumber(redis.call('ZSCORE', sent, ref)) or now) + took_s
    if likely <= now then
      likely = now + late * apart_s
      late = late + 1
    end
    if likely < tonumber(at) then
      redis.call('ZADD', due, likely, ref)
      redis.call('ZADD', first, likely, ref)
      moved = moved + 1
    end
  else
    redis.call('ZREM', first, ref)
  end
end
return moved
