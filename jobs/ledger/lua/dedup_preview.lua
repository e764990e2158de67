-- Tells what would become of jobs that ask for something; changes nothing.
-- ARGV: batch, store, account, '1' if other batches will be put aside, then (job id,
--   content or '', written) for each.
-- Returns for each that will not simply wait: its place in ARGV from 1, state, the other
--   job's ref or '', its video or '', its bytes or ''.
local found = {}
for i = 5, #ARGV, 3 do
  local ref = ARGV[1] .. '/' .. ARGV[i]
  -- One that is there already stays what it is, unless it may still be made.
  local state, other, left = redis.call('HGET', job_key(ref), 'state'), nil, nil
  if not state or state == 'waiting' or state == 'following' then
    state, other, left = find_duplicate(ref, ARGV[2], ARGV[3], ARGV[i + 1], ARGV[i + 2], ARGV[4] == '1')
  end
  if state ~= 'waiting' or other then
    local video = left and left.video and { left.video, left.bytes }
      or redis.call('HMGET', job_key(other or ref), 'video', 'bytes')
    found[#found + 1] = (i - 2) / 3
    found[#found + 1] = state
    found[#found + 1] = other or ''
    found[#found + 1] = video[1] or ''
    found[#found + 1] = video[2] or ''
  end
end
return found
