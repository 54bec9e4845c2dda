-- What all rules stand on: the maps, a guard around each rule, and the questions whose mail it is.
local logger = require "rspamd_logger"
local gmconf = require "gmconf"
local data, addresses = gmconf.data, gmconf.addresses

local function map(name, kind, what)
  return rspamd_config:add_map({ url = data[name], type = kind, description = what })
end

-- A filter that lost a part puts everything off: a map that was cut or not read, a module of the package that is not there.
-- (Files that are missing keep rspamd from starting, see rspamd-whole; force_actions insists on the scan.)
local maps = {
  senders = map("senders", "map", "sender address: logins that may use it"),
  limits = map("limits", "map", "login: recipients an hour"),
  domains = map("domains", "set", "domains of this site"),
  signing = map("signing", "map", "domain with DKIM keys: selector of one of them"),
  networks = map("networks", "map", "login: networks it may log in from"),
  hosts = map("hosts", "set", "names of the hosts of this site"),
  suspended = map("suspended", "set", "logins that are suspended"),
}
gmconf.maps = maps
local modules = {
  "SPF_CHECK", "DKIM_CHECK", "R_DKIM_ALLOW", "DMARC_CHECK", "DKIM_SIGNED", "RATELIMIT_CHECK", "MILTER_HEADERS",
  "FORCE_ACTION_GMCONF_SCANNED",
}

-- Functions of rspamd that it does not promise to keep. Where one is gone, a rule would do nothing and say nothing: rspamd is not
-- started, and a roll-out is refused.
function gmconf.needed(name, found)
  assert(type(found) == "function", "this rspamd has no " .. name .. ": the rules of gmconf do not fit it")
end

-- An error in a rule would let in what the rule refuses: the message waits instead.
function gmconf.guarded(task, name, rule)
  local function outcome(worked, ...)
    if worked then return ... end
    logger.errx(task, "%s failed: %s", name, (...))
    task:set_pre_result({ action = "soft reject", message = "the filter is not ready, try again later", module = "gmconf" })
  end
  return function(...) return outcome(pcall(rule, ...)) end
end

function gmconf.register(symbol)
  local rule = symbol.callback
  if rule then symbol.callback = function(task) return gmconf.guarded(task, symbol.name, rule)(task) end end
  return rspamd_config:register_symbol(symbol)
end

local function lost()
  for name, one in pairs(maps) do
    if not one:get_key(data.last) then return name .. ".map is not whole" end
  end
  for _, symbol in ipairs(modules) do
    if not rspamd_config:get_symbol_flags(symbol) then return "nothing registers " .. symbol end
  end
end

gmconf.register({
  name = "GM_WHOLE",
  type = "prefilter",
  priority = 10,
  flags = "empty,nostat",
  callback = function(task)
    local loss = lost()
    if not loss then return end
    logger.errx(task, "the filter is not whole: %s; roll out again", loss)
    task:set_pre_result({ action = "soft reject", message = "the filter is not ready, try again later", module = "gmconf" })
  end,
})

function gmconf.lower(text) return string.lower(text or "") end
local lower = gmconf.lower

function gmconf.refuse(task, symbol, text)
  task:insert_result(symbol, 1.0, text)
  task:set_pre_result({ action = "reject", message = text, module = "gmconf" })
end

-- For what cannot be known now.
function gmconf.later(task, symbol, text)
  task:insert_result(symbol, 1.0, text)
  task:set_pre_result({ action = "soft reject", message = text, module = "gmconf" })
end

-- Mail of our own: of users who logged in, and what the hosts make themselves: notices, reports, and what users' scripts send. On this
-- host the latter has the name that Postfix gives it; any program could connect from 127.0.0.1.
function gmconf.is_ours(task)
  if task:get_user() then return true end
  local from = task:get_from_ip()
  if not from or not from:is_valid() then return false end
  local text = tostring(from)
  if text == "127.0.0.1" or text == "::1" then return tostring(task:get_request_header("MTA-Name")) == data.host_mail end
  for _, client in ipairs(data.ours) do
    if text == client then return true end
  end
  return false
end
local is_ours = gmconf.is_ours

function gmconf.is_outside(task)
  if is_ours(task) then return false end
  local client = task:get_from_ip()
  return not (client and client:is_valid() and client:is_local()) or tostring(client) == "127.0.0.1" or tostring(client) == "::1"
end

function gmconf.header_of(task)
  local content = task:get_content()
  local room = 65536
  local text
  repeat
    text = tostring(content:sub(1, room))
    room = room * 16
  until #text >= #content or string.find(text, "\n\r?\n")
  return text
end

function gmconf.sender_of(task)
  return (task:get_from({ "smtp", "orig" }) or {})[1] or { addr = "", user = "", domain = "" }
end

-- Whose script sent a message on as it came. Dovecot writes its two lines above all others; what it makes itself has others there.
function gmconf.redirected_by(task)
  if task:get_user() or not is_ours(task) then return nil end
  local found = task:cache_get("gm_redirected")
  if not found then
    local wanted, owner = "x-sieve", ""
    for _, field in ipairs(addresses.fields(gmconf.header_of(task))) do
      if field.name == wanted and wanted == "x-sieve" then
        wanted = "x-sieve-redirected-from"
      elseif field.name == wanted then
        owner = lower(string.match(field.value, "^%s*<?(.-)>?%s*$"))
        break
      elseif field.name ~= "received" and field.name ~= "return-path" then
        break
      end
    end
    found = owner
    task:cache_set("gm_redirected", found)
  end
  return found ~= "" and found or nil
end

-- The login that a message counts for: who handed it in, or whose script made it or sent it on.
function gmconf.owner(task)
  local user = task:get_user()
  if user then return lower(user), "login" end
  if not is_ours(task) then return nil end
  local owner = gmconf.redirected_by(task)
  if not owner then
    local sender = gmconf.sender_of(task)
    if not maps.domains:get_key(lower(sender.domain)) then return nil end
    owner = lower(sender.addr)
  end
  local name, domain = string.match(owner, "^([^+]+)%+[^@]*@(.+)$")
  return name and name .. "@" .. domain or owner, "script"
end

return true, "@version@"
