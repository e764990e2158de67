-- Writes down whose earlier predictions were.
-- ARGV: now or '', account, then (prediction id, ref) for each.
local now, account = clock(ARGV[1]), ARGV[2]
for i = 3, #ARGV, 2 do remember(account, ARGV[i], ARGV[i + 1], now) end
return 1
