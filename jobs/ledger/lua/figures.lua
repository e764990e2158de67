-- All that is measured, read in one step; no job is looked at.
-- ARGV: now or '', most batches of an account. Returns JSON, hashes and batches as flat
-- lists; a part that is empty may come as an object.
local now, most = clock(ARGV[1]), tonumber(ARGV[2])

local function first(key) return tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]) end

local function batches_of(acct)
  local ids = redis.call('ZREVRANGE', acct .. ':live', 0, most - 1)
  local since = '(' .. (now - SHOWN_S)
  for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', acct .. ':ended', '+inf', since)) do
    if #ids < most then ids[#ids + 1] = id end
  end
  local found = {}
  for _, id in ipairs(ids) do
    found[#found + 1] = { id = id, hash = redis.call('HGETALL', batch_key(id)) }
  end
  return found
end

local accounts = {}
for _, id in ipairs(redis.call('SMEMBERS', PREFIX .. 'accounts')) do
  local acct = account_key(id)
  accounts[#accounts + 1] = {
    id = id,
    hash = redis.call('HGETALL', acct),
    charges = redis.call('HGETALL', acct .. ':charges'),
    slots = redis.call('ZCOUNT', acct .. ':slots', '(' .. now, '+inf'),
    starts = redis.call('ZCOUNT', acct .. ':starts', '(' .. now, '+inf'),
    due_at = first(acct .. ':due'),
    uncollected_at = first(acct .. ':uncollected'),
    late = redis.call('ZCARD', acct .. ':late'),
    untold = redis.call('HLEN', acct .. ':tellings'),
    live = redis.call('ZCARD', acct .. ':live'),
    batches = batches_of(acct),
  }
end
return cjson.encode({ now = now, accounts = accounts })
