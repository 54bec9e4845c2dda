-- Mail to postmaster and abuse, the test string of spam filters, and users' spam that the site looks at first.
local lua_selectors = require "lua_selectors"
local gmconf = require "gmconf"
local domains, hosts, lower = gmconf.maps.domains, gmconf.maps.hosts, gmconf.lower

gmconf.needed("lua_selectors.register_extractor", lua_selectors.register_extractor)

-- Complaints: is everybody the message is for a role of this site?
lua_selectors.register_extractor(rspamd_config, "gm_roles", {
  get_value = function(task)
    local recipients = task:get_recipients("smtp")
    -- None: rspamd passes over an address without a domain, and Postfix takes no other than postmaster.
    for _, to in ipairs(recipients or {}) do
      -- As delivered: sub-addresses too; without a domain it is the host's.
      local user, domain = string.match(lower(to.addr), "^<?([^@<>]*)@?([^@<>]*)>?$")
      user = string.match(user or "", "^([^+]*)")
      if user ~= "postmaster" and user ~= "abuse" then return nil end
      if domain ~= "" and not domains:get_key(domain) and not hosts:get_key(domain) then return nil end
    end
    return "yes", "string"
  end,
  description = "set when all recipients are postmaster or abuse",
})

-- The agreed test string of spam filters; as a rule it obeys the exemption above.
config["regexp"]["SPAM_TEST_STRING"] = {
  re = [[/XJS\*C4JDBQADN1\.NSBN3\*2IDNEN\*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL\*C\.34X/{sa_raw_body}]],
  score = 1000.0,
  one_shot = true,
  description = "generic test of unsolicited bulk mail",
  group = "gmconf",
}

-- Users' spam, where the site wants to look at it first: it is kept in the queue, on hold.
gmconf.register({
  name = "GM_HOLD",
  type = "postfilter",
  priority = 3,
  flags = "empty,nostat",
  callback = function(task)
    if gmconf.data.hold and task:get_user() and task:get_metric_action() == "reject" and not task:has_pre_result() then
      task:set_pre_result({ action = "quarantine", message = "held", module = "gmconf" })
    end
  end,
})

return true, "@version@"
