-- Gives a lock back, if it is still held under this token.
-- ARGV: key, token.
if redis.call('GET', ARGV[1]) == ARGV[2] then redis.call('DEL', ARGV[1]) end
return 1
