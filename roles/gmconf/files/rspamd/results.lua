-- Signatures: which domain signs, which signatures count, and what Authentication-Results say of them.
local logger = require "rspamd_logger"
local rspamd_task = require "rspamd_task"
local lua_mime = require "lua_mime"
local auth_results = require "lua_auth_results"
local gmconf = require "gmconf"
local domains, hosts, signing = gmconf.maps.domains, gmconf.maps.hosts, gmconf.maps.signing
local lower, register = gmconf.lower, gmconf.register

-- Without these a check would be switched off in silence.
local _, empty = rspamd_task.load_from_string("", rspamd_config)
gmconf.needed("task:get_dkim_results", empty and empty.get_dkim_results)
empty:destroy()
gmconf.needed("lua_auth_results.gen_auth_results", auth_results.gen_auth_results)
gmconf.needed("lua_mime.modify_headers", lua_mime.modify_headers)

-- Signing: the domain of From:, or the nearest parent that has keys (bounces come from MAILER-DAEMON@HOST). What is only sent on stays
-- as its author signed it.
function gmconf.signing_domain(task)
  if not gmconf.is_ours(task) or gmconf.redirected_by(task) then return nil end
  local from = task:get_from({ "mime", "orig" })
  local domain = from and from[1] and lower(from[1].domain)
  while domain and domain ~= "" do
    if signing:get_key(domain) then return domain end
    domain = string.match(domain, "^[^.]+%.(.+)$")
  end
  return nil
end

-- Results of authentication that claim to be ours were not written by us; then the others are not to be believed either.
local function without_comment(text)
  text = string.match(text, "^%s*(.*)$")
  if string.sub(text, 1, 1) ~= "(" then return text end
  local depth, at = 0, 1
  while at <= #text do
    local sign = string.sub(text, at, at)
    if sign == "\\" then at = at + 1 end
    depth = depth + (sign == "(" and 1 or sign == ")" and -1 or 0)
    at = at + 1
    if depth == 0 then return without_comment(string.sub(text, at)) end
  end
  return nil
end

-- The name at the beginning (RFC 8601 section 2.2), or nil where it cannot be read.
local function author_of_results(text, chained)
  text = without_comment(text)
  if text and chained then
    -- "i=1;" stands before it, with comments wherever there are blanks.
    for _, part in ipairs({ "^[iI](.*)$", "^=(.*)$", "^%d+(.*)$", "^;(.*)$" }) do
      text = text and string.match(text, part)
      text = text and without_comment(text)
    end
  end
  if not text then return nil end
  local quoted = string.match(text, '^"(.-)"')
  if quoted then return lower((string.gsub(string.gsub(quoted, "\\(.)", "%1"), "%s+", ""))) end
  return lower(string.match(text, "^[^%s;()\",]+"))
end

local function is_our_id(id)
  if not id or id == "" then return true end
  id = string.match(id, "^(.-)%.*$")
  return hosts:get_key(id) or domains:get_key(id)
end

register({
  name = "GM_FORGED_RESULTS",
  type = "postfilter",
  priority = 5,
  flags = "empty,nostat",
  callback = function(task)
    for _, name in ipairs({ "Authentication-Results", "ARC-Authentication-Results" }) do
      for _, header in ipairs(task:get_header_full(name) or {}) do
        if is_our_id(author_of_results(header.value or "", string.sub(name, 1, 3) == "ARC")) then
          -- 0: all of them.
          lua_mime.modify_headers(task, { remove = { [name] = 0 } })
          break
        end
      end
    end
  end,
})

-- Signatures with SHA-1 prove nothing (RFC 8301), however right they are: nobody builds on them, DMARC neither.
local function weak_signatures(task)
  local found, any = {}, false
  for _, header in ipairs(task:get_header_full("DKIM-Signature") or {}) do
    local text = ";" .. string.gsub(header.value or "", "%s+", "")
    if string.match(lower(text), ";a=rsa%-sha1;") or string.match(lower(text), ";a=rsa%-sha1$") then
      local value = string.match(text, ";b=([^;]+)")
      if value then
        found[string.sub(value, 1, 8)] = true
        any = true
      end
    end
  end
  return any and found or nil
end

register({
  name = "GM_SHA1_SIGNATURE",
  type = "normal",
  score = 0.0,
  group = "gmconf",
  description = "a DKIM signature made with SHA-1, which counts as none",
  callback = function(task)
    local weak = weak_signatures(task)
    if not weak then return end
    local marks = { allow = "+", reject = "-", tempfail = "?", permfail = "~" }
    local kept, traces = {}, {}
    for _, result in ipairs(task:get_dkim_results() or {}) do
      -- The signature that is right has to be told from others; an error here lets the message wait.
      assert(result.bhash or result.result ~= "allow", "this rspamd does not say which signature is right")
      if not (result.bhash and weak[string.sub(result.bhash, 1, 8)]) then
        if result.result == "allow" then kept[#kept + 1] = result.domain .. ":s=" .. (result.selector or "") end
        if result.domain then traces[#traces + 1] = result.domain .. ":" .. (marks[result.result] or "~") end
      end
    end
    task:remove_result("R_DKIM_ALLOW")
    task:remove_result("DKIM_TRACE")
    if #kept > 0 then task:insert_result("R_DKIM_ALLOW", 1.0, kept) end
    if #traces > 0 then task:insert_result("DKIM_TRACE", 1.0, traces) end
    task:cache_set("gm_weak", weak)
    return true
  end,
})
rspamd_config:register_dependency("GM_SHA1_SIGNATURE", "R_DKIM_ALLOW")
rspamd_config:register_dependency("DMARC_CHECK", "GM_SHA1_SIGNATURE")

-- "policy": right, but not acceptable here (RFC 8601).
local written = auth_results.gen_auth_results
function auth_results.gen_auth_results(task, ...)
  local text = written(task, ...)
  for value in pairs(text and task:cache_get("gm_weak") or {}) do
    local escaped = string.gsub(value, "%W", "%%%0")
    text = string.gsub(text, 'dkim=pass([^;]*header%.b="?' .. escaped .. ")", "dkim=policy (SHA-1)%1")
  end
  return text
end

-- Mail of ours that could not be signed waits until its key is back.
register({
  name = "GM_UNSIGNED",
  type = "postfilter",
  priority = 8,
  flags = "empty,nostat",
  callback = function(task)
    local domain = gmconf.signing_domain(task)
    local action = task:get_metric_action()
    if not domain or task:has_symbol("DKIM_SIGNED") or action == "reject" or action == "soft reject" then return end
    logger.errx(task, "mail of %s could not be signed", domain)
    task:set_pre_result({ action = "soft reject", message = "the message cannot be signed now, try again later", module = "gmconf" })
  end,
})

return true, "@version@"
