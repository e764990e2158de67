-- Which of these commands the user may not run; nothing is run.
-- ARGV: each a whole command, its words with a blank between them.
local refused = {}
for _, call in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(call, '%S+') do words[#words + 1] = word end
  if not redis.acl_check_cmd(unpack(words)) then refused[#refused + 1] = call end
end
return refused
