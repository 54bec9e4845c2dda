-- Mail from outside in our name, and in the name of several authors.
local util = require "rspamd_util"
local gmconf = require "gmconf"
local domains, hosts, signing = gmconf.maps.domains, gmconf.maps.hosts, gmconf.maps.signing
local lower, refuse, later, register, guarded = gmconf.lower, gmconf.refuse, gmconf.later, gmconf.register, gmconf.guarded
local is_outside, claims_of = gmconf.is_outside, gmconf.claims_of

-- Whether a result of DKIM names a domain, or for a host of ours the domain that signs for it.
local function says(task, symbol, domain)
  local found = task:get_symbol(symbol)
  for _, option in ipairs(found and found[1].options or {}) do
    local signer = lower(string.match(option, "^([^:]+)"))
    if signer == domain or hosts:get_key(domain) and string.sub(domain, -#signer - 1) == "." .. signer then return true end
  end
  return false
end

-- Our own keys are published: a resolver that says of one that there is none denies the others too, and no signature is wrong because of that.
register({
  name = "GM_KEY_DENIED",
  type = "normal",
  score = 0.0,
  group = "gmconf",
  flags = "empty,nostat",
  callback = function(task)
    if not is_outside(task) then return end
    local asked, found = {}, task:get_symbol("R_DKIM_PERMFAIL")
    for _, option in ipairs(found and found[1].options or {}) do
      local domain = lower(string.match(option, "^([^:]+)"))
      local selector = signing:get_key(domain)
      if selector and not asked[domain] then
        asked[domain] = true
        task:get_resolver():resolve_txt({
          task = task,
          name = selector .. "._domainkey." .. domain,
          callback = guarded(task, "GM_KEY_DENIED", function(_, _, results)
            if not results then task:insert_result("GM_KEY_DENIED", 1.0, domain) end
          end),
        })
      end
    end
  end,
})
rspamd_config:register_dependency("GM_KEY_DENIED", "R_DKIM_ALLOW")

-- From outside nobody writes in our name, unless our signature proves that it was sent by us and forwarded. While the key of
-- such a signature cannot be looked up, or DNS denies it, the sender tries again later.
local spoof = register({
  name = "GM_SPOOF",
  type = "postfilter",
  priority = 9,
  flags = "empty,nostat,ignore_passthrough",
  callback = function(task)
    if not is_outside(task) then return end
    local claims = claims_of(task)
    local ours, sender = {}, (task:get_from({ "smtp", "orig" }) or {})[1]
    local function note(domain)
      domain = lower(domain)
      if domains:get_key(domain) or hosts:get_key(domain) then ours[#ours + 1] = domain end
    end
    note(sender and sender.domain)
    for _, authors in ipairs({ claims.from, claims.others }) do
      for _, author in ipairs(authors) do
        note(author.domain)
        for _, other in ipairs(author.shown) do note(other.domain) end
      end
    end
    local waits
    for _, domain in ipairs(ours) do
      if not says(task, "R_DKIM_ALLOW", domain) then
        if not says(task, "R_DKIM_TEMPFAIL", domain) and not says(task, "GM_KEY_DENIED", domain) then
          return refuse(task, "GM_SPOOFED", "mail from " .. domain .. " comes from its own servers only")
        end
        waits = domain
      end
    end
    local unknown = task:get_symbol("DMARC_DNSFAIL")
    if unknown and (unknown[1].options or {})[2] == "reject" then waits = claims.from[1] and claims.from[1].domain end
    if waits then later(task, "GM_SPOOFED", "the proof that this is mail from " .. waits .. " cannot be looked up, try again later") end
  end,
})
register({ name = "GM_SPOOFED", type = "virtual", parent = spoof, score = 0.0, group = "gmconf" })

-- DMARC of several authors (RFC 7489 section 6.6.1): rspamd's module asks about one. Each domain is asked, the strictest answer holds.
local function is_proved(task, domain, policy)
  local base = util.get_tld(domain)
  local function fits(other, tag)
    other = lower(other)
    return other == domain or not string.match(policy, ";%s*" .. tag .. "%s*=%s*s%s*;") and util.get_tld(other) == base
  end
  if task:has_symbol("R_SPF_ALLOW") then
    local sender = (task:get_from({ "smtp", "orig" }) or {})[1]
    local of = sender and sender.domain ~= "" and sender.domain or task:get_helo() or ""
    if fits(of, "aspf") then return true end
  end
  local found = task:get_symbol("R_DKIM_ALLOW")
  for _, option in ipairs(found and found[1].options or {}) do
    if fits(string.match(option, "^([^:]+)"), "adkim") then return true end
  end
  return false
end

local function follow(task, domain, name)
  task:get_resolver():resolve_txt({
    task = task,
    name = "_dmarc." .. name,
    callback = guarded(task, "GM_AUTHORS", function(_, _, results, err)
      local policy
      for _, text in ipairs(results or {}) do
        text = lower(text) .. ";"
        if string.match(text, "^%s*v%s*=%s*dmarc1%s*;") then policy = text end
      end
      if not policy then
        local base = util.get_tld(domain)
        if err and not string.find(err, "no records with this name", 1, true) and not string.find(err, "requested record is not found", 1, true) then
          later(task, "GM_AUTHORS_REFUSED", "DMARC of " .. domain .. " cannot be looked up, try again later")
        elseif base ~= name then
          follow(task, domain, base)
        end
        return
      end
      local wish = name ~= domain and string.match(policy, ";%s*sp%s*=%s*(%a+)") or string.match(policy, ";%s*p%s*=%s*(%a+)")
      if (wish == "reject" or wish == "quarantine") and not is_proved(task, domain, policy) then
        refuse(task, "GM_AUTHORS_REFUSED", "nothing proves that " .. domain .. " is one of the authors (DMARC)")
      end
    end),
  })
end

local several = register({
  name = "GM_AUTHORS",
  type = "normal",
  score = 0.0,
  group = "gmconf",
  flags = "empty,nostat",
  callback = function(task)
    local authors = claims_of(task).from
    if #authors < 2 or not is_outside(task) then return end
    local asked = {}
    for _, author in ipairs(authors) do
      if not asked[author.domain] then
        asked[author.domain] = true
        follow(task, author.domain, author.domain)
      end
    end
  end,
})
register({ name = "GM_AUTHORS_REFUSED", type = "virtual", parent = several, score = 0.0, group = "gmconf" })
rspamd_config:register_dependency("GM_AUTHORS", "R_SPF_ALLOW")
rspamd_config:register_dependency("GM_AUTHORS", "GM_SHA1_SIGNATURE")

return true, "@version@"
