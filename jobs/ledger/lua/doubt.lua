-- Writes down that jobs may have been sent again without this ledger's knowing.
-- ARGV: now or '', account, (ref, state, doubt, links of uploads or '')... Returns those that are elsewhere.
local now, due, gone = clock(ARGV[1]), account_key(ARGV[2]) .. ':due', {}
for i = 3, #ARGV, 4 do
  local ref, state, job = ARGV[i], ARGV[i + 1], job_key(ARGV[i])
  if redis.call('HGET', job, 'state') ~= state then
    gone[#gone + 1] = ref
  else
    redis.call('HSET', job, 'doubt', ARGV[i + 2])
    if ARGV[i + 3] ~= '' then redis.call('HSETNX', job, 'links', ARGV[i + 3]) end
    -- What was looked for before is looked for anew.
    if state == 'unknown' or state == 'unresolved' then
      redis.call('HDEL', job, 'looks', 'looked_at', 'unanswered_since')
      redis.call('ZADD', due, 'XX', now, ref)
    end
  end
end
return gone
