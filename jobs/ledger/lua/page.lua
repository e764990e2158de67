-- Reads a page of batches, newest first, in one step.
-- ARGV: '1' for those alone that are not over, first, last. Returns how many there are,
--   then id and hash of each.
local key = PREFIX .. 'batches' .. (ARGV[1] == '1' and ':open' or '')
local page = { redis.call('ZCARD', key) }
for _, batch in ipairs(redis.call('ZREVRANGE', key, ARGV[2], ARGV[3])) do
  page[#page + 1] = batch
  page[#page + 1] = redis.call('HGETALL', batch_key(batch))
end
return page
