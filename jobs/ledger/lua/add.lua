-- Adds jobs to a batch, or brings those up to date that are not under way: what holds a
-- permit is charged or released by the price it was reserved at.
-- ARGV: now or '', batch, then (job id, place, json, price or '', '1' if the provider
--   quoted it or '', content or '', written or '') for each. Returns how many are new, or
--   -1 where its job records were deleted: what it had is not known here.
local now, batch = clock(ARGV[1]), ARGV[2]
local key = batch_key(batch)
if redis.call('HEXISTS', key, 'deleted_at') == 1 then return -1 end
local added, estimated, unpriced = {}, 0, 0
local IDLE = { waiting = true, following = true, failed = true, cancelled = true }
-- New ones that ask for something, with its two names; and those there already.
local asking, names, there = {}, {}, {}

for i = 3, #ARGV, 7 do
  local id, place, json, price, quoted = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local content, written = ARGV[i + 5], ARGV[i + 6]
  local ref = batch .. '/' .. id
  local job = job_key(ref)
  if redis.call('HSETNX', job, 'state', 'waiting') == 1 then
    local fields = { 'job', json, 'place', place, 'permit', '0' }
    local more = { price = price, quoted = quoted, content = content, written = written }
    for name, value in pairs(more) do
      if value ~= '' then fields[#fields + 1], fields[#fields + 2] = name, value end
    end
    redis.call('HSET', job, unpack(fields))
    if price == '' then unpriced = unpriced + 1 else estimated = estimated + tonumber(price) end
    added[#added + 1], added[#added + 2] = place, id
    if written ~= '' then
      asking[#asking + 1] = ref
      names[#names + 1], names[#names + 2] = written, content ~= '' and content or written
    end
  else
    local is = redis.call('HMGET', job, 'state', 'price', 'quoted')
    local state = is[1]
    if IDLE[state] then
      redis.call('HSET', job, 'job', json)
      -- A quote is only replaced by another.
      local counts = quoted ~= '' or not is[3]
      if counts and (is[2] or '') ~= price then
        if not SHARING[state] then
          estimate(key, is[2], -1)
          estimate(key, price, 1)
        end
        if price == '' then redis.call('HDEL', job, 'price') else redis.call('HSET', job, 'price', price) end
      end
      if quoted ~= '' and not is[3] then redis.call('HSET', job, 'quoted', quoted) end
    end
    if state == 'waiting' or state == 'following' then there[#there + 1] = ref end
  end
end

if #added > 0 then
  redis.call('ZADD', key .. ':jobs', unpack(added))
  redis.call('ZADD', key .. ':waiting', unpack(added))
  redis.call('HINCRBY', key, 'n:waiting', #added / 2)
  redis.call('HINCRBY', key, 'unfinished', #added / 2)
  redis.call('HINCRBY', key, 'estimated', estimated)
  redis.call('HINCRBY', key, 'unpriced', unpriced)
end

-- What nobody has asked for before is written down at once for all; the rest is looked
-- into, a job at a time.
local is = redis.call('HMGET', key, 'store', 'fresh')
if #asking > 0 and is[2] ~= '1' then
  local asked, first = asked_key(is[1]), {}
  local known, left = redis.call('HMGET', asked, unpack(names)), {}
  for i, name in ipairs(names) do left[i] = left_key(is[1], name) end
  left = redis.call('MGET', unpack(left))
  for i, ref in ipairs(asking) do
    local written, content = 2 * i - 1, 2 * i
    if known[written] or known[content] or left[written] or left[content] then
      there[#there + 1] = ref
    else
      first[#first + 1], first[#first + 2] = names[written], ref
      if names[content] ~= names[written] then
        first[#first + 1], first[#first + 2] = names[content], ref
      end
    end
  end
  if #first > 0 then redis.call('HSET', asked, unpack(first)) end
end
for _, ref in ipairs(there) do resolve_duplicate(ref, now) end
return #added / 2
