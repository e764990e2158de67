-- What failed lately. ARGV: now or '', account.
-- Returns ref, facts as JSON, seconds until it is due again, for each.
local now, crashes = clock(ARGV[1]), account_key(ARGV[2]) .. ':crashes'
local found = {}
for _, ref in ipairs(redis.call('ZRANGEBYSCORE', crashes, now, '+inf')) do
  local facts = redis.call('HGET', crashes .. ':facts', ref)
  found[#found + 1] = ref
  found[#found + 1] = facts
  found[#found + 1] = tostring(cjson.decode(facts).due_at - now)
end
return found
