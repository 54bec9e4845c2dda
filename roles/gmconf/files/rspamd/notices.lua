-- Nobody gets a notice about mail that may not be from there.
local logger = require "rspamd_logger"
local util = require "rspamd_util"
local lua_mime = require "lua_mime"
local gmconf = require "gmconf"
local domains, hosts, postmaster = gmconf.maps.domains, gmconf.maps.hosts, gmconf.data.postmaster
local lower, register, is_ours, is_outside, sender_of = gmconf.lower, gmconf.register, gmconf.is_ours, gmconf.is_outside, gmconf.sender_of

gmconf.needed("lua_mime.modify_headers", lua_mime.modify_headers)

-- Nobody is answered whom nothing proved to have written: neither by a vacation notice, nor by a script that refuses. Dovecot
-- looks at this header, as other programs do.
local unanswered = "X-Auto-Response-Suppress"

local function is_sender_proved(task)
  if task:has_symbol("R_SPF_ALLOW") then return true end
  local domain = util.get_tld(lower(sender_of(task).domain))
  local found = task:get_symbol("R_DKIM_ALLOW")
  for _, option in ipairs(found and found[1].options or {}) do
    if util.get_tld(lower(string.match(option, "^([^:]+)"))) == domain then return true end
  end
  return false
end

register({
  name = "GM_UNANSWERED",
  type = "postfilter",
  priority = 2,
  flags = "empty,nostat",
  callback = function(task)
    if not is_outside(task) or sender_of(task).addr == "" then return end
    if is_sender_proved(task) and task:get_metric_action() ~= "add header" then return end
    lua_mime.modify_headers(task, { add = { [unanswered] = { value = "All" } }, remove = { [unanswered] = 0 } })
  end,
})

-- A notice to somebody who may not have written: of Postfix; of a script that refuses, unless what it refuses was looked at here and proved.
local function is_notice(task)
  local kind = lower(task:get_header("Content-Type"))
  if string.find(kind, "delivery-status", 1, true) then return true end
  if not string.find(kind, "disposition-notification", 1, true) then return false end
  local text = "\n" .. lower(tostring(task:get_rawbody() or ""))
  return not string.find(text, "\nauthentication-results:", 1, true) or string.find(text, "\n" .. lower(unanswered) .. ":", 1, true) ~= nil
end

-- What was accepted from outside and cannot be forwarded: its sender may be forged, so the postmaster is told instead.
register({
  name = "GM_NOTICE",
  type = "postfilter",
  priority = 6,
  flags = "empty,nostat,ignore_passthrough",
  callback = function(task)
    local sender = (task:get_from("smtp") or {})[1]
    if task:get_user() or not is_ours(task) or (sender and sender.addr ~= "") then return end
    if not is_notice(task) then return end
    local strangers = {}
    for _, to in ipairs(task:get_recipients("smtp") or {}) do
      local domain = lower(to.domain)
      if domain ~= "" and not domains:get_key(domain) and not hosts:get_key(domain) then
        strangers[#strangers + 1] = to.addr
      end
    end
    if #strangers == 0 then return end
    logger.infox(task, "notice for %s goes to %s", table.concat(strangers, ", "), postmaster)
    task:set_milter_reply({ del_rcpt = strangers, add_rcpt = { postmaster } })
  end,
})

return true, "@version@"
