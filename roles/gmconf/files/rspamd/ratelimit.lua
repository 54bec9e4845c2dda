-- For the ratelimit module: it asks the rules in limits.lua.
local buckets = {
  login = function(task) return require("gmconf").bucket(task) end,
}

return buckets, "@version@"
