-- The form of mail: what is wrong is refused or mended.
local util = require "rspamd_util"
local regexp = require "rspamd_regexp"
local lua_mime = require "lua_mime"
local gmconf = require "gmconf"
local lower, register, is_ours, claims_of = gmconf.lower, gmconf.register, gmconf.is_ours, gmconf.claims_of

gmconf.needed("lua_mime.modify_headers", lua_mime.modify_headers)

-- Form (RFC 5322): users' mail is refused when it is wrong, so that its author mends it; mail from outside that nobody signed
-- is completed. What is signed is never touched.
local once = {
  "Date", "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-ID", "In-Reply-To", "References", "Subject",
  "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
}
local long_line = regexp.create([[/[^\r\n]{999}/]])

local function doubled(task)
  local found = {}
  for _, name in ipairs(once) do
    if #(task:get_header_full(name) or {}) > 1 then found[#found + 1] = name end
  end
  return found
end

-- What is wrong with a message that one of our users hands in, or nil.
local function wrong(task)
  local many = doubled(task)
  if #many > 0 then return "more than one " .. many[1] .. ": header; it may stand there once" end
  if #claims_of(task).from > 1 and not task:get_header("Sender") then
    return "several authors in From: need a Sender: header (RFC 5322 section 3.6.2)"
  end
  local headers = tostring(task:get_raw_headers() or "")
  if not util.is_valid_utf8(headers) then return "header with bytes that are neither ASCII nor UTF-8 (RFC 6532 section 3.1)" end
  if long_line:match(headers) then return "header line of more than 998 characters (RFC 5322 section 2.1.1)" end
  if long_line:match(tostring(task:get_rawbody() or "")) then
    return "line of more than 998 characters (RFC 5322 section 2.1.1); encode it (quoted-printable, base64)"
  end
  local date = task:get_header("Date")
  if date and task:get_date({ format = "message", gmt = true }) <= 0 then return "Date: is not a date (RFC 5322 section 3.3)" end
  local id = task:get_header_raw("Message-ID")
  if id and not string.match(id, "^%s*<[^<>%s@]+@[^<>%s@]+>%s*$") then return "Message-ID: is not <left@right> (RFC 5322 section 3.6.4)" end
  if task:get_header("Content-Type") and not task:get_header("MIME-Version") then
    return "Content-Type: without MIME-Version: (RFC 2045 section 4)"
  end
  local kind = lower(task:get_header("Content-Type"))
  local coding = lower(task:get_header("Content-Transfer-Encoding"))
  if coding ~= "" and not string.match(coding, "^%s*[%w-]+%s*$") then return "Content-Transfer-Encoding: is no encoding (RFC 2045 section 6.1)" end
  if string.match(kind, "^%s*multipart/") and (string.find(coding, "base64", 1, true) or string.find(coding, "quoted-printable", 1, true)) then
    return "multipart cannot be encoded as a whole (RFC 2045 section 6.4)"
  end
  if string.match(kind, "^%s*multipart/") and not string.find(kind, "boundary", 1, true) then
    return "multipart without boundary (RFC 2046 section 5.1.1)"
  end
end

local form = register({
  name = "GM_FORM",
  type = "prefilter",
  priority = 7,
  flags = "empty,nostat",
  callback = function(task)
    if not gmconf.data.strict then return end
    local text
    if task:get_user() then
      text = wrong(task)
    elseif not is_ours(task) and #claims_of(task).from == 0 then
      text = "no address in From: (RFC 5322 section 3.6)"
    end
    if text then
      task:insert_result("GM_FORM_REFUSED", 1.0, text)
      task:set_pre_result({ action = "reject", message = "5.6.0 " .. text, module = "gmconf" })
    end
  end,
})
register({ name = "GM_FORM_REFUSED", type = "virtual", parent = form, score = 0.0, group = "gmconf" })

register({
  name = "GM_REPAIR",
  type = "postfilter",
  priority = 4,
  flags = "empty,nostat",
  callback = function(task)
    if not gmconf.data.repair or task:get_user() or is_ours(task) then return end
    if task:get_header("DKIM-Signature") or task:get_header("ARC-Seal") then return end
    local add, remove = {}, {}
    if not task:get_header("Date") then add["Date"] = { value = os.date("!%a, %d %b %Y %H:%M:%S +0000") } end
    if not task:get_header("Message-ID") then
      add["Message-ID"] = { value = string.format("<%s.%s@%s>", os.date("!%Y%m%d%H%M%S"), task:get_queue_id(), util.get_hostname()) }
    end
    if task:get_header("Content-Type") and not task:get_header("MIME-Version") then add["MIME-Version"] = { value = "1.0" } end
    for _, name in ipairs(doubled(task)) do
      local first = task:get_header_full(name)[1]
      remove[name] = 0
      add[name] = { value = (string.gsub(first.raw and string.match(first.raw, "^[^:]*:%s*(.-)%s*$") or first.value, "\r", "")) }
    end
    if next(add) or next(remove) then
      task:insert_result("GM_REPAIRED", 1.0)
      lua_mime.modify_headers(task, { add = add, remove = remove })
    end
  end,
})
register({ name = "GM_REPAIRED", type = "virtual", parent = form, score = 0.0, group = "gmconf" })

return true, "@version@"
