-- Names of attached files, read from the bytes as they were sent. Mail programs differ in what is a field, a parameter and its end:
-- every reading counts, so that a program is not called one thing for the filter and another for people.
local files = {}

local deepest, longest, most_names = 5, 16384, 50000
local composite = { multipart = true, message = true }
local unread = { ["message/partial"] = "a part of a message", ["message/external-body"] = "a file that lies elsewhere" }
-- Compatibility characters: "e", "x" and "e" in another dress are shown as exe, and some programs read them as exe.
local dressed = {
  "\202[\176-\191]", "\203[\128-\191]",
  "\225[\180-\182][\128-\191]", "\226\129[\176-\191]", "\226\130[\128-\159]", "\226\132[\128-\191]",
  "\226\133[\128-\191]", "\226\145[\160-\191]", "\226[\146-\147][\128-\191]", "\227[\136-\143][\128-\191]",
  "\239\172[\128-\191]", "\240\157[\144-\159][\128-\191]", "\240\159[\132-\135][\128-\191]",
}
local invisible = {
  "\194\173", "\205\143", "\216\156", "\225\160[\139-\143]", "\226\128[\139-\143\170-\174]",
  "\226\129[\160-\175]", "\239\184[\128-\143]", "\239\187\191", "\243\160[\128-\135][\128-\191]",
}
local blank = { "\194\133", "\194\160", "\225\154\128", "\226\128[\128-\138\168\169\175]", "\226\129\159", "\227\128\128" }
-- The full stop of East Asian character sets (GBK and EUC, Shift_JIS, Big5), as bytes.
local wide_stops = { "\161\165", "\163\174", "\129D", "\161D" }

local function each(text, patterns, by)
  for _, pattern in ipairs(patterns) do text = string.gsub(text, pattern, by) end
  return text
end

local function ascii(sign) return string.char(string.byte(sign) % 128) end

-- As programs see it that turn look-alikes into ASCII, and as people see it.
local function plain(name, is_utf8)
  -- ISO-2022-JP, a set within ASCII.
  name = string.gsub(name, "\27%$[@B](.-)\27%([BJ]", function(c) return (string.gsub(string.gsub(c, "!%%", "."), "#(.)", "%1")) end)
  if is_utf8 then
    name = each(each(name, invisible, ""), blank, " ")
    name = string.gsub(name, "\239\188([\129-\191])", function(c) return string.char(string.byte(c) - 96) end)
    name = string.gsub(name, "\239\189([\128-\158])", function(c) return string.char(string.byte(c) - 32) end)
    name = string.gsub(string.gsub(name, "\226\128[\164-\166]", "."), "\239\185\146", ".")
  else
    name = string.gsub(string.gsub(each(name, wide_stops, "."), "\163([\161-\254])", ascii), "\160", " ")
  end
  return string.lower(name)
end

-- What a name ends with for the system that is to open it: behind the last full stop, without what systems leave out.
function files.ending(name, is_utf8)
  name = plain(name, is_utf8)
  local before
  repeat
    before = name
    -- Of "a.exe::$DATA" and "a.exe:x" the file is a.exe.
    name = string.gsub(string.gsub(name, "[%s%c./\\\"'<>|?*,;]+$", ""), ":[^%s./\\:]*$", "")
  until name == before
  local ending = string.match(name, "%.([^%s./\\]+)$") or ""
  return ending, #ending <= 40 and each(ending, dressed, "") ~= ending
end

local function percent(text) return (string.gsub(text, "%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end)) end

-- The header that begins here: fields about the content, how many lines there are, and where it ends. Lines that are no fields are passed over.
local function header(message, at)
  local found, field, lines = {}, nil, 0
  while at <= #message do
    local last = string.find(message, "\n", at, true) or #message + 1
    local line = string.gsub(string.sub(message, at, last - 1), "\r$", "")
    if line == "" then return found, lines, last + 1 end
    if string.sub(line, 1, 2) == "--" then break end
    lines, at = lines + 1, last + 1
    if string.match(line, "^[ \t]") then
      if field and #field.value <= longest then field.value = field.value .. "\n" .. line end
    else
      local name, value = string.match(line, "^([Cc][Oo][Nn][Tt][Ee][Nn][Tt]%-[%w-]+)%s*:(.*)$")
      field = name and { name = string.lower(name), value = value }
      if field then found[#found + 1] = field end
    end
  end
  return found, lines, at
end

-- The readings of a parameter's value that begins here; false: its quotation has no end.
local function values(text, at)
  local rest = string.match(string.sub(text, at), "^%s*(.*)$")
  if string.sub(rest, 1, 1) ~= '"' then
    local first, word, whole = string.match(rest, "^[^;]*"), string.match(rest, "^[^;%s,]*"), rest
    local more = string.find(rest, ";[^;]*=")
    if more then whole = string.sub(rest, 1, more - 1) end
    return { word, first, whole }
  end
  local last = 1
  repeat
    last = string.find(rest, '["\\]', last + 1)
    local escaped = last and string.sub(rest, last, last) == "\\"
    if escaped then last = last + 1 end
  until not last or not escaped
  if not last then return false end
  local raw = string.sub(rest, 2, last - 1)
  local behind = string.match(rest, "^[^;]*", last)
  -- What follows the quotation belongs to it for some: "a".exe.
  return { (string.gsub(raw, "\\(.)", "%1")), raw, string.match(raw, '^[^"]*'), raw .. string.gsub(behind, '"', "") }
end

-- One parameter: its value, and what it adds to a name in pieces (RFC 2231).
local function parameter(text, at, extra, pieces, note)
  local found = values(text, at)
  if not found then return "a quotation without end" end
  for _, value in ipairs(found) do note(value) end
  local number, value = tonumber(string.match(extra, "^%*(%d+)")), found[1]
  if string.find(extra, "%*%s*$") then
    local charset, rest = string.match(value, "^([^']*)'[^']*'(.*)$")
    if charset and charset ~= "" then note("=?" .. charset .. "?q?x?=") end
    value = percent(rest or value)
    note(value)
  end
  if not number then return end
  if pieces[number] then return "the same piece of a name twice" end
  pieces[number] = value
  pieces.last = math.max(pieces.last or 0, number)
end

-- Names in a field, in one piece or several.
local function names_in(text, note)
  local lower, pieces = string.lower(text), { [""] = { last = -1 }, file = { last = -1 } }
  for start, extra, at in string.gmatch(lower, "()name([%*%d%s\"']*)=()") do
    local of = pieces[string.match(string.sub(lower, math.max(start - 20, 1), start - 1), "[%w_-]*$")]
    local wrong = of and parameter(text, at, extra, of, note)
    if wrong then return wrong end
  end
  for _, of in pairs(pieces) do
    if of.last > 1000 then return "too many pieces of a name" end
    local whole = {}
    for number = 0, of.last do
      -- Some stop where a piece is missing.
      if not of[number] then note(table.concat(whole)) end
      whole[#whole + 1] = of[number]
    end
    note(table.concat(whole))
  end
end

local function kind_of(field) return string.lower(string.match(field.value, "^%s*([^%s;,(]*)") or "") end

-- What is not read alike by all in a header, or nil; the names in it are noted.
local function judge(fields, note, is_first)
  local seen = {}
  for _, field in ipairs(fields) do
    local name, value = field.name, field.value
    if name == "content-type" or name == "content-disposition" or name == "content-transfer-encoding" then
      local said = string.lower(string.gsub(value, "%s+", ""))
      -- The first header of a message is mended.
      if seen[name] and seen[name] ~= said and not is_first then return "more than one " .. name .. ", and they differ" end
      seen[name] = said
      if string.find(value, "[\r%z]") then return "control characters in " .. name end
    end
    if name == "content-type" or name == "content-disposition" then
      -- Folded lines are joined with a blank or without one; comments are left out or are not.
      if #value > longest then return "too long a field" end
      local joined = string.gsub(value, "\n[ \t]+", "")
      local wrong = names_in((string.gsub(value, "\n", "")), note) or names_in(joined, note)
      if wrong then return wrong end
      names_in((string.gsub(joined, "%b()", "")), note)
    end
  end
end

-- Goes through a message and all that may be a part of it: what is not read alike in it, or nil, and a part that lies elsewhere, or nil. note(name)
-- gives the name as it is shown, nil for a character set that is not known; decode has a function for each encoding.
function files.read(message, note, decode, depth)
  depth = depth or 0
  if depth > deepest then return "messages that are encoded again and again" end
  if string.find(message, "\r[Cc][Oo][Nn][Tt][Ee][Nn][Tt]%-") then return "a line that ends for some only" end
  local count, unknown = 0, false
  local function all(name)
    count = count + 1
    for _ = 1, 3 do
      local shown = note(name)
      if not shown then unknown = true end
      local other = percent(shown or name)
      if other == name then break end
      name = other
    end
  end
  local at, empty, elsewhere = 1, false, nil
  while at and at <= #message do
    local fields, lines, after = header(message, at)
    local wrong = judge(fields, all, at == 1 and depth == 0)
    if wrong then return wrong end
    if unknown then return "a name in a character set that is not known" end
    if count > most_names then return "too many names" end
    local kind, coding = "", ""
    for _, field in ipairs(fields) do
      if field.name == "content-type" and not composite[string.match(kind, "^[^/]*")] then kind = kind_of(field) end
      if field.name == "content-transfer-encoding" then coding = kind_of(field) end
    end
    if composite[string.match(kind, "^[^/]*")] and coding ~= "" and coding ~= "7bit" and coding ~= "8bit" and coding ~= "binary" then
      if not decode[coding] then return "a message in an encoding that is not known" end
      local last = coding == "base64" and string.find(message, "\n--", after, true) or #message
      local part
      wrong, part = files.read(tostring(decode[coding](string.sub(message, after, last)) or ""), note, decode, depth + 1)
      if wrong then return wrong end
      elsewhere = elsewhere or part
    end
    -- A message in a message begins with a header; in a digest a part that begins with an empty line is one.
    elsewhere = elsewhere or unread[kind]
    local inner = string.match(kind, "^message/") or (lines == 0 and not empty)
    empty = lines == 0
    if not inner or after == at then
      local _, delimiter = string.find(message, "\n%-%-[^\n]*\n", math.max(after - 1, 1))
      at, empty = delimiter and delimiter + 1, false
    else
      at = after
    end
  end
  return nil, elsewhere
end

-- Files that are written into text: their names, whether there is any, and whether one is in a form that the scanner does not read.
function files.written(text, note)
  local found, strange = false, false
  text = "\n" .. string.gsub(text, "\r\n", "\n")
  for kind, name, line in string.gmatch(text, "\nbegin(%S*) +[0-7][0-7][0-7][0-7]? +([^\n]+)\n([^\n]*)") do
    local coded = kind == "" and string.find(line, "^[ -`]+$")
    if coded or string.find(kind, "^%-base64") then
      note(name)
      found, strange = true, strange or not coded
    end
  end
  for name in string.gmatch(text, "\n=ybegin [^\n]-name=([^\n]*)") do
    note(name)
    found, strange = true, true
  end
  return found, strange
end

-- Names in a file of Outlook's (TNEF): any text in it that ends like one, in bytes and in UTF-16.
function files.packed(content, note)
  for text in string.gmatch(content, "[^%z]+") do
    if #text > 1 then note(string.sub(text, -200)) end
  end
  for ending in string.gmatch(content, "%.%z([%w%z]*)") do
    note("." .. string.gsub(string.match(string.sub(ending, 1, 40), "^(.-)%z%z") or "", "%z", ""))
  end
end

return files, "@version@"
