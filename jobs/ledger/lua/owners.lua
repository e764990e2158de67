-- Whose predictions these are. ARGV: now or '', account, prediction ids...
-- Returns the ref of each, or '' where no job has it.
local now, account = clock(ARGV[1]), ARGV[2]
local owners = {}
for i = 3, #ARGV do owners[#owners + 1] = owner_of(account, ARGV[i], now) or '' end
return owners
