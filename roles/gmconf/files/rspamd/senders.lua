-- Whom a message says that it is from, and whether its sender may say so.
local util = require "rspamd_util"
local rspamd_ip = require "rspamd_ip"
local gmconf = require "gmconf"
local maps, data, addresses = gmconf.maps, gmconf.data, gmconf.addresses
local lower, refuse, register = gmconf.lower, gmconf.refuse, gmconf.register
local senders, domains, networks, suspended = maps.senders, maps.domains, maps.networks, maps.suspended

gmconf.needed("rspamd_util.parse_mail_address", util.parse_mail_address)

-- Who may say what in From:. As Postfix searches for the envelope: the address, without what stands behind the plus, its whole domain.
local function may_use(address, user)
  local logins = senders:get_key(address)
  if not logins then
    local name, domain = string.match(address, "^([^+]+)%+[^@]*@(.+)$")
    logins = name and senders:get_key(name .. "@" .. domain)
  end
  logins = logins or senders:get_key(string.match(address, "@[^@]*$") or "@")
  for login in string.gmatch(logins or "", "[^,]+") do
    if login == user then return true end
  end
  return false
end

local function is_near(task, user)
  local wanted = networks:get_key(user)
  if not wanted then return true end
  local client = task:get_from_ip()
  if not client or not client:is_valid() then return false end
  for network in string.gmatch(wanted, "[^,]+") do
    local address, length = string.match(network, "^([^/]+)/?(%d*)$")
    local base = rspamd_ip.from_string(address)
    local bits = tonumber(length) or (base:get_version() == 4 and 32 or 128)
    if base:get_version() == client:get_version() and tostring(base:apply_mask(bits)) == tostring(client:apply_mask(bits)) then
      return true
    end
  end
  return false
end

-- Who a message says that it is from. Read from the bytes that are stored, not from what rspamd made of them; where the two differ,
-- nothing of it is believed.
local vouching = { from = true, sender = true, ["resent-from"] = true, ["resent-sender"] = true }
local passing = { ["resent-to"] = true, ["resent-cc"] = true, ["resent-bcc"] = true, ["resent-reply-to"] = true }

local function written(name) return (string.gsub(name, "%f[%a]%a", string.upper)) end

local function read_claims(task)
  local claims = { from = {}, others = {} }
  local fields, broken = addresses.fields(gmconf.header_of(task))
  if broken then return claims, broken end
  local found = 0
  for _, field in ipairs(fields) do
    local name = field.name
    if name == "from" then found = found + 1 end
    local members = passing[name] and string.match(field.value, "^%s*[%w ._-]+:(.*);%s*$") or field.value
    -- Without an at sign nobody sees an address there; a list of recipients may be hidden or empty.
    if (vouching[name] or passing[name]) and (field.odd or string.find(members, "@", 1, true)) then
      local authors, wrong = addresses.authors({ value = members, odd = field.odd })
      if not authors then
        return claims, written(name) .. ": is not read alike by all, " .. wrong .. " (RFC 5322 section 3.4)"
      end
      local seen = util.parse_mail_address(members, task:get_mempool()) or {}
      for number = 1, math.max(#seen, #authors) do
        local author = authors[number]
        if not author or not seen[number] or lower(author.user) .. "@" .. author.domain ~= string.match(lower(seen[number].addr), "^%s*(.*)$") then
          return claims, written(name) .. ": is not read alike by all (RFC 5322 section 3.4)"
        end
      end
      if vouching[name] then
        for _, author in ipairs(authors) do table.insert(name == "from" and claims.from or claims.others, author) end
      end
    end
  end
  if found > 1 then return claims, "more than one From: header (RFC 5322 section 3.6)" end
  if #(task:get_header_full("From") or {}) ~= found then return claims, "From: is not where it seems to be" end
  return claims
end

function gmconf.claims_of(task)
  local claims = task:cache_get("gm_claims")
  if not claims then
    local wrong
    claims, wrong = read_claims(task)
    claims.wrong = wrong
    task:cache_set("gm_claims", claims)
  end
  return claims
end

-- Mail that hosts make themselves: a user's script writes as its owner, notices come from the postmaster. What comes from a name of the host
-- is the system's own.
local function wrong_maker(task, claims)
  local owner = gmconf.owner(task)
  if owner and suspended:get_key(owner) then return "the account is suspended: its scripts send nothing" end
  if gmconf.redirected_by(task) then return nil end
  local sender = gmconf.sender_of(task)
  local address = lower(sender.addr)
  for _, authors in ipairs({ claims.from, claims.others }) do
    for _, author in ipairs(authors) do
      local name = lower(author.user)
      if sender.addr == "" then
        if domains:get_key(author.domain) and name ~= "postmaster" and name ~= "mailer-daemon" then
          return "notices come from postmaster only"
        end
      elseif domains:get_key(lower(sender.domain)) and not (address == data.reporter and name .. "@" .. author.domain == address) then
        local may = false
        for login in string.gmatch(senders:get_key(owner) or "", "[^,]+") do
          may = may or may_use(name .. "@" .. author.domain, login)
        end
        if not may then return "a script writes from addresses of its owner only" end
      end
    end
  end
end

local from_rule = register({
  name = "GM_FROM",
  type = "prefilter",
  priority = 8,
  flags = "empty,nostat",
  callback = function(task)
    local claims = gmconf.claims_of(task)
    if claims.wrong then return refuse(task, "GM_FROM_REFUSED", claims.wrong) end
    local user = task:get_user()
    if not user then
      local text = gmconf.is_ours(task) and wrong_maker(task, claims)
      return text and refuse(task, "GM_FROM_REFUSED", text)
    end
    user = lower(user)
    -- In a session that was open before. For good: what is put off would be sent when the account is let in again, whoever wrote it.
    if suspended:get_key(user) then return refuse(task, "GM_FROM_REFUSED", "this account is suspended") end
    if not is_near(task, user) then
      return refuse(task, "GM_FROM_REFUSED", "this account may not be used from here")
    end
    if #claims.from == 0 then
      return refuse(task, "GM_FROM_REFUSED", "no address in From:")
    end
    for kind, authors in pairs({ ["From:"] = claims.from, ["Sender: or Resent-From:"] = claims.others }) do
      for _, author in ipairs(authors) do
        if not may_use(lower(author.user) .. "@" .. author.domain, user) then
          return refuse(task, "GM_FROM_REFUSED", kind .. " is not an address of the login")
        end
        for _, other in ipairs(author.shown) do
          if domains:get_key(other.domain) and not may_use(other.user .. "@" .. other.domain, user) then
            return refuse(task, "GM_FROM_REFUSED", kind .. " shows an address that is not one of the login")
          end
        end
      end
    end
    local limit = gmconf.limit(task)
    local recipients = #(task:get_recipients("smtp") or {})
    if recipients > limit then
      return refuse(task, "GM_FROM_REFUSED", "more recipients in one message than the login may have in an hour")
    end
  end,
})
register({ name = "GM_FROM_REFUSED", type = "virtual", parent = from_rule, score = 0.0, group = "gmconf" })

return true, "@version@"
