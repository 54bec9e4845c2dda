-- The virus scanner: no message passes that it did not call clean.
local logger = require "rspamd_logger"
local tcp = require "rspamd_tcp"
local util = require "rspamd_util"
local gmconf = require "gmconf"
local data, guarded, refuse, register = gmconf.data, gmconf.guarded, gmconf.refuse, gmconf.register

-- Viruses: the whole message goes to clamd. Only the answer "OK" lets it pass; whatever else happens, the sender
-- tries again later. (The package's module lets mail pass when clamd answers with an error.)
local function again(task, why)
  logger.errx(task, "virus scan failed: %s", why)
  task:insert_result("CLAM_VIRUS_FAIL", 1.0, why)
  task:set_pre_result({ action = "soft reject", message = "the virus scanner is not ready, try again later", module = "gmconf" })
end

local function verdict(task, answer)
  if answer == "stream: OK" then
    task:insert_result("GM_SCANNED", 1.0)
    return
  end
  local name = string.match(answer, "^stream: (.+) FOUND$")
  if not name then return again(task, answer) end
  if string.find(name, "Limits.Exceeded", 1, true) then
    task:insert_result("CLAM_VIRUS_FAIL", 1.0, name)
    task:set_pre_result({ action = "soft reject", message = "too big or too deeply packed to be scanned", module = "gmconf" })
  elseif string.find(name, "Heuristics.Encrypted", 1, true) then
    refuse(task, "CLAM_VIRUS_ENCRYPTED", "encrypted archives cannot be scanned and are not accepted")
  elseif string.find(name, "^Gmconf%.Unread") then
    refuse(task, "CLAM_VIRUS_ENCRYPTED", "archives of this kind cannot be scanned and are not accepted; zip with its usual method can")
  elseif string.find(name, "^Gmconf%.Program") then
    refuse(task, "GM_FILE_REFUSED", gmconf.no_programs)
  else
    task:insert_result("CLAM_VIRUS", 1.0, name)
    task:set_pre_result({ action = "reject", message = "virus found: " .. name, module = "gmconf" })
  end
end

local virus = register({
  name = "CLAM_SCAN",
  score = 0.0,
  type = "normal",
  flags = "empty,nostat,ignore_passthrough",
  augmentations = { string.format("timeout=%f", data.scan_timeout * (data.scan_retries + 1)) },
  callback = function(task)
    -- clamd takes text for mail, and decodes it, only when it begins with a header that it knows.
    local first, content = "Received: by scanner\r\n", task:get_content()
    local left = data.scan_retries
    local ask
    local function answered(err, answer)
      if not err then
        return verdict(task, (string.gsub(tostring(answer), "[%z\r\n]+$", "")))
      elseif left > 0 then
        left = left - 1
        return ask()
      end
      again(task, tostring(err))
    end
    ask = function()
      local started = tcp.request({
        task = task,
        host = data.clamd,
        port = 0,
        timeout = data.scan_timeout,
        callback = guarded(task, "CLAM_SCAN", answered),
        data = { util.pack("c9 c1 >I4", "zINSTREAM", "\0", #first + #content), first, content, util.pack(">I4", 0) },
        stop_pattern = "\0",
      })
      if not started then again(task, "cannot connect") end
    end
    ask()
  end,
})
for _, name in ipairs({ "GM_SCANNED", "CLAM_VIRUS", "CLAM_VIRUS_FAIL", "CLAM_VIRUS_ENCRYPTED" }) do
  register({ name = name, type = "virtual", parent = virus, score = 0.0, group = "gmconf" })
end

register({
  name = "CLAM_PROOF",
  type = "postfilter",
  priority = 10,
  flags = "empty,nostat,ignore_passthrough",
  callback = function(task)
    if task:has_symbol("GM_SCANNED") then return end
    local action = task:get_metric_action()
    if action ~= "reject" and action ~= "soft reject" then
      logger.errx(task, "virus scan failed: no answer")
      task:set_pre_result({ action = "soft reject", message = "the virus scanner is not ready, try again later", module = "gmconf" })
    end
  end,
})

return true, "@version@"
