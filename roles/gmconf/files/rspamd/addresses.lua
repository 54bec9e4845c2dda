-- Header fields with addresses, read from the bytes as they were sent. There is one grammar, RFC 5322 without its obsolete
-- forms and groups, but with full stops in names and anywhere in local parts but first: mail programs agree on all that it takes.
-- What it does not take they read differently: the filter would judge one author, and people would see another.
local addresses = {}

local PRINTED = "!#$%%&'*+/=?^_`{|}~-"
local USER = "^[%w" .. PRINTED .. "][%w." .. PRINTED .. "]*()"
local NAME = "^[%w.\128-\255" .. PRINTED .. "]+()"
local LABEL = "^[%w_][%w_-]*()"
local most_authors = 100

-- The fields of a message: lower-case name, value with a line feed where it is folded, and what no field of an address may have (nil: nothing).
function addresses.fields(message)
  local found, field = {}, nil
  for line in string.gmatch(string.gsub(message, "\r\n", "\n") .. "\n", "([^\n]*)\n") do
    if line == "" then break end
    if string.match(line, "^[ \t]") then
      if not field then return found, "the header begins with a blank" end
      if not string.match(line, "[^ \t\r]") then field.odd = "a folded line that is empty" end
      field.value = field.value .. "\n" .. line
    else
      local name, blank, value = string.match(line, "^([^:%z\1-\32\127-\255]+)([ \t]*):(.*)$")
      if not name then return found, "a line of the header is no field" end
      field = { name = string.lower(name), value = value, odd = blank ~= "" and "a blank before its colon" or nil }
      found[#found + 1] = field
    end
  end
  return found
end

-- UTF-8, shortest forms only; nothing that turns the direction of writing around or ends a line for some.
local function is_text(text)
  if string.find(text, "[%z\1-\8\11-\31\127]") then return false end
  local rest = string.gsub(text, "[\194-\223][\128-\191]", "")
  rest = string.gsub(rest, "\224[\160-\191][\128-\191]", "")
  rest = string.gsub(rest, "[\225-\239][\128-\191][\128-\191]", "")
  rest = string.gsub(rest, "\240[\144-\191][\128-\191][\128-\191]", "")
  rest = string.gsub(rest, "[\241-\244][\128-\191][\128-\191][\128-\191]", "")
  if string.find(rest, "[\128-\255]") then return false end
  return not string.find(text, "\194[\128-\159]") and not string.find(text, "\226\128[\168\169\173\174]")
end

local function blanks(text, at) return string.match(text, "^[ \t\n]*()", at) end

-- Every reader of these parts gets at the same one address: nothing is quoted, literal, commented or encoded in it.
local function address(text, at)
  local start, last = at, string.match(text, USER, at)
  if not last then return nil end
  local user = string.sub(text, start, last - 1)
  if string.sub(text, last, last) ~= "@" or string.find(user, "=?", 1, true) then return nil end
  start, at = last + 1, last + 1
  repeat
    last = string.match(text, LABEL, at)
    at = last and string.sub(text, last, last) == "." and last + 1
    if not last or string.sub(text, last - 1, last - 1) == "-" then return nil end
  until not at
  return { user = user, domain = string.lower(string.sub(text, start, last - 1)) }, last
end

-- From a bracket to the end of the comment; an address in it is what some readers show.
local function comment(text, at)
  local depth, start = 0, at
  while true do
    local sign = string.sub(text, at, at)
    if sign == "" or string.find('"<>@', sign, 1, true) then return nil end
    if sign == "\\" then
      at = at + 1
      if not string.match(text, "^[()\\]", at) then return nil end
    elseif sign == "(" then
      depth = depth + 1
    elseif sign == ")" then
      depth = depth - 1
      if depth == 0 then return string.sub(text, start + 1, at - 1), at + 1 end
    end
    at = at + 1
  end
end

local function quoted(text, at)
  local start = at
  while true do
    at = string.match(text, '^[^"\\]*()', at + 1)
    local sign = string.sub(text, at, at)
    if sign == '"' then return string.sub(text, start + 1, at - 1), at + 1 end
    if sign == "" or at == #text then return nil end
    at = at + 1
  end
end

-- A name or none, and an address in brackets.
local function named(text, at)
  local words = {}
  while true do
    local sign = string.sub(text, at, at)
    local word, after
    if sign == "<" then
      local author, last = address(text, at + 1)
      if not author or string.sub(text, last, last) ~= ">" then return nil end
      author.words = words
      return author, last + 1
    elseif sign == '"' then
      word, after = quoted(text, at)
      -- For some the quotation ends at a bracket, a backslash or the end of the line.
      words.hidden = words.hidden or word and string.find(word, "[\\<>\n]") ~= nil
      word = word and string.gsub(word, "\\(.)", "%1") or nil
    elseif sign == "(" and #words > 0 then
      word, after = comment(text, at)
    else
      after = string.match(text, NAME, at)
      word = after and string.sub(text, at, after - 1)
    end
    if not word then return nil end
    words[#words + 1] = (string.gsub(word, "\n", ""))
    at = blanks(text, after)
  end
end

local function mailbox(text, at)
  local author, last = address(text, at)
  local after = author and blanks(text, last)
  if author and (after > #text or string.find(",(", string.sub(text, after, after), 1, true)) then
    author.words = {}
  else
    author, last = named(text, at)
    if not author then return nil end
    after = blanks(text, last)
  end
  if string.sub(text, after, after) == "(" then
    local said
    said, last = comment(text, after)
    if not said then return nil end
    author.words[#author.words + 1] = (string.gsub(said, "\n", ""))
    after = blanks(text, last)
  end
  return author, after
end

local known = {
  ["us-ascii"] = true, ascii = true, ["utf-8"] = true, utf8 = true, gbk = true, gb2312 = true, gb18030 = true, big5 = true,
  ["shift_jis"] = true, sjis = true, ["euc-jp"] = true, ["euc-kr"] = true, ["ks_c_5601-1987"] = true, ["iso-2022-jp"] = true,
  ["koi8-r"] = true, ["koi8-u"] = true, ["tis-620"] = true, cp932 = true, cp949 = true, cp1251 = true, cp1252 = true,
}
local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function of_base64(text)
  local bits, held, out = 0, 0, {}
  for sign in string.gmatch(text, "[%w+/]") do
    held = held * 64 + string.find(digits, sign, 1, true) - 1
    bits = bits + 6
    if bits >= 8 then
      bits = bits - 8
      local power = 2 ^ bits
      out[#out + 1] = string.char(math.floor(held / power))
      held = held % power
    end
  end
  return table.concat(out)
end

local function of_quoted(text)
  text = string.gsub(text, "_", " ")
  return (string.gsub(text, "=(%x%x)", function(code) return string.char(tonumber(code, 16)) end))
end

-- Text as it is shown: encoded words decoded, those that follow each other joined. Nil: it is encoded as few can read it.
function addresses.shown(text)
  local strange = false
  text = string.gsub(text, "%?=[ \t\n]+=%?", "?==?")
  local plain, count = string.gsub(text, "=%?([^?]*)%?([bBqQ])%?(.-)%?=", function(charset, kind, data)
    charset = string.match(string.lower(charset), "^[^*]*")
    if not (known[charset] or string.match(charset, "^iso%-8859%-%d+$") or string.match(charset, "^windows%-%d+$")) then strange = true end
    return string.lower(kind) == "b" and of_base64(data) or of_quoted(data)
  end)
  if strange then return nil end
  -- The at sign of East Asian keyboards is one for people.
  plain = string.gsub(string.gsub(plain, "\239\188\160", "@"), "\239\185\171", "@")
  return plain, count > 0
end

-- What is wrong with the name of an author, or nil; notes the other addresses that it shows.
local function judge(author)
  local text, decoded = addresses.shown(table.concat(author.words, " "))
  if not text then return "a name in a character set that is not known" end
  if string.find(text, "[%z\r\n]") or string.find(text, "\226\128[\173\174]") then return "a name with control characters" end
  local whole, other = string.lower(author.user) .. "@" .. author.domain, false
  for user, domain in string.gmatch(string.gsub(text, "%s*@%s*", "@"), "([^%s<>,;:\"'()%[%]\\@]+)@([%w._-]*)") do
    domain = string.match(string.lower(domain), "^(.-)[._-]*$")
    if string.lower(user) .. "@" .. domain ~= whole then
      author.shown[#author.shown + 1] = { user = string.lower(user), domain = domain }
      other = other or string.find(domain, ".", 1, true) ~= nil
    end
  end
  if other and (decoded or author.words.hidden) then return "a name that hides another address" end
end

-- The authors of a field: user, domain and the other addresses that the name shows; or nil and what is wrong.
function addresses.authors(field)
  local text, found, at = field.value, {}, 1
  if field.odd then return nil, field.odd end
  if not is_text(text) then return nil, "characters that are not text" end
  while true do
    local author, after = mailbox(text, blanks(text, at))
    if not author then return nil, "not plain name <user@domain>" end
    author.shown = {}
    local wrong = judge(author)
    if wrong then return nil, wrong end
    found[#found + 1] = author
    if #found > most_authors then return nil, "too many addresses" end
    if after > #text then return found end
    if string.sub(text, after, after) ~= "," then return nil, "not plain name <user@domain>" end
    at = after + 1
  end
end

return addresses, "@version@"
