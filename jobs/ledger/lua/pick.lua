-- Finds the jobs of a batch that are in some states, among a block of all.
-- ARGV: batch, first, last, states... Returns how many it looked at, then their ids.
local batch, wanted = ARGV[1], {}
for i = 4, #ARGV do wanted[ARGV[i]] = true end
local ids = redis.call('ZRANGE', batch_key(batch) .. ':jobs', ARGV[2], ARGV[3])
local found = { #ids }
for _, id in ipairs(ids) do
  if wanted[redis.call('HGET', job_key(batch .. '/' .. id), 'state')] then
    found[#found + 1] = id
  end
end
return found
