-- Files that are attached to a message: their names, and whether the scanner can look into them.
local util = require "rspamd_util"
local gmconf = require "gmconf"
local data, files, addresses = gmconf.data, gmconf.files, gmconf.addresses
local lower, refuse, register = gmconf.lower, gmconf.refuse, gmconf.register

gmconf.no_programs = "programs are not accepted as attachments: put it somewhere to be fetched"

-- Programs and scripts are not taken, whatever their file is said to be; in archives neither, there clamd looks. Nor is what clamd
-- cannot look into, unless the site says otherwise.
local refused = {}
for _, ending in ipairs(data.refused_files) do refused[ending] = true end
local decode = { base64 = util.decode_base64, ["quoted-printable"] = util.decode_qp }

local function is_encoded(part)
  local coding = lower(part:get_header("Content-Transfer-Encoding"))
  return string.find(coding, "quoted", 1, true) ~= nil
end

local function look_at_files(task)
  local program, wrong, unread
  local function note(name)
    -- The last encoded word may lack its end.
    if string.match(name, "=%?[^?]*%?[bBqQ]%?[^?]*$") then name = name .. "?=" end
    local shown = addresses.shown(name)
    if not shown then return nil end
    for _, text in ipairs({ name, shown }) do
      for piece in string.gmatch(text, "[^%z\r\n]+") do
        local ending, dressed = files.ending(piece, util.is_valid_utf8(piece))
        program = program or refused[ending]
        if dressed then wrong = wrong or "an ending in letters of another kind" end
      end
    end
    return shown
  end
  local content = tostring(task:get_content())
  local misread, foreign = files.read(content, note, decode)
  wrong, unread = misread or wrong, foreign
  local _, strange = files.written(content, note)
  unread = unread or strange and "a file written into the text"
  for _, part in ipairs(task:get_parts() or {}) do
    local name, kind = part:get_filename(), lower(table.concat({ part:get_type() }, "/"))
    if name then note(name) end
    if part:is_text() then
      local found, other = files.written(tostring(part:get_content()), note)
      if other or found and (kind == "text/html" or is_encoded(part)) then unread = unread or "a file written into the text" end
    elseif string.find(kind, "tnef", 1, true) or string.sub(tostring(part:get_content()), 1, 4) == "x\159>\"" then
      files.packed(tostring(part:get_content()), note)
    end
  end
  return program, wrong, data.unread_files == "refuse" and unread
end

local named = register({
  name = "GM_FILES",
  type = "prefilter",
  priority = 6,
  flags = "empty,nostat",
  callback = function(task)
    local program, wrong, unread = look_at_files(task)
    if program then
      refuse(task, "GM_FILE_REFUSED", gmconf.no_programs)
    elseif wrong then
      refuse(task, "GM_FILE_REFUSED", "a name of a file is not read alike by all: " .. wrong .. " (RFC 2045, RFC 2183)")
    elseif unread then
      refuse(task, "GM_FILE_REFUSED", "this cannot be scanned and is not accepted: " .. unread)
    end
  end,
})
register({ name = "GM_FILE_REFUSED", type = "virtual", parent = named, score = 0.0, group = "gmconf" })

return true, "@version@"
