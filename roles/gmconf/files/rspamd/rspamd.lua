-- Loads the rules, which are several files of one version. An error here keeps rspamd from starting, and Postfix takes nothing; after a
-- reload rspamd goes on with the rules that it has.
local version = "@version@"
local folder = rspamd_paths["LOCAL_CONFDIR"] .. "/local.d/"
local gmconf = {}
package.loaded["gmconf"] = gmconf

local function part(name)
  local found, its = dofile(folder .. name .. ".lua")
  assert(its == version, name .. ".lua is of another version, roll out again")
  return found
end

gmconf.data = part("gmconf-data")
gmconf.addresses, gmconf.files = part("addresses"), part("files")
for _, name in ipairs({ "base", "limits", "complaints", "senders", "spoofing", "form", "attachments", "virus", "notices", "results" }) do
  part(name)
end

-- By its last line rspamd-whole knows that this is the whole file, and of which version.
return "@version@"
