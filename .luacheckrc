-- Lua of rspamd (LuaJIT or Lua 5.4) and of Prosody (5.4).
std = "max"
max_line_length = 150
files["roles/gmconf/files/rspamd"] = {
  read_globals = { "rspamd_config", "rspamd_paths", config = { other_fields = true, read_only = false } },
}
files["roles/gmconf/files/prosody"] = { read_globals = { "module" } }
