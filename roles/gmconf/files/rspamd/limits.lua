-- How much a login may send within an hour, by its programs and by its scripts.
local gmconf = require "gmconf"

-- Rates: per login and recipient, with exceptions.
function gmconf.limit(task)
  local owner = gmconf.owner(task)
  if not owner then return nil end
  return tonumber(gmconf.maps.limits:get_key(owner) or "") or gmconf.data.rate
end

-- For the ratelimit module: a bucket per login that empties within an hour, and another one for what its scripts send.
function gmconf.bucket(task)
  return gmconf.guarded(task, "GM_LIMIT", function()
    local limit = gmconf.limit(task)
    if not limit then return nil end
    local owner, kind = gmconf.owner(task)
    return kind .. ":" .. owner, { burst = limit, rate = limit / 3600.0 }
  end)()
end

-- Over the limit a user's program tries again later. A script does not: put off, the message would wait before its mailbox, and in the end
-- be returned to a stranger. Refused, it is kept in the mailbox.
gmconf.register({
  name = "GM_SCRIPT_LIMIT",
  type = "postfilter",
  priority = 10,
  flags = "empty,nostat,ignore_passthrough",
  callback = function(task)
    local _, kind = gmconf.owner(task)
    if kind ~= "script" then return end
    local found, action, _, module = task:has_pre_result()
    if found and action == "soft reject" and module == "ratelimit" then
      task:set_pre_result({ action = "reject", message = "the owner of this script may send no more for now", module = "gmconf", priority = 10 })
    end
  end,
})

return true, "@version@"
