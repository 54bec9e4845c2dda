-- Asks Dovecot whether a password is right (auth protocol 1, client side) and whether a mailbox exists (userdb side).
-- A refused password is answered late, so that nobody guesses quickly: Prosody goes on with other work meanwhile.

local async = require "util.async";
local base64 = require "util.encodings".base64;
local random_bytes = require "util.random".bytes;
local server = require "net.server";
local new_sasl = require "util.sasl".new;
local unix = require "socket.unix";

local open_socket = type(unix) == "table" and (unix.stream or unix.tcp) or unix;
local auth_socket = module:get_option_string("dovecot_auth_socket");
local user_socket = module:get_option_string("dovecot_user_socket");
local WITHIN = 40; -- seconds; Dovecot answers an address that guesses later and later, 17 at most

local function connect(path)
	local socket = open_socket();
	socket:settimeout(2);
	local ok, err = socket:connect(path);
	if not ok then
		socket:close();
		return nil, err;
	end
	return socket;
end

local function login_of(username)
	local login = username .. "@" .. module.host;
	return not login:find("[%c%s]") and login or nil;
end

-- Connections are told apart by a number that each client chooses.
local function connection_number()
	local a, b, c = random_bytes(3):byte(1, 3);
	return 0x40000000 + a * 65536 + b * 256 + c;
end

-- true: right; false: wrong; nil: nobody can tell for now.
local function ask(login, password, address, answer)
	local socket, err = connect(auth_socket);
	if not socket then
		module:log("warn", "Dovecot does not answer: %s", err);
		return answer(nil);
	end
	local received, over = "", false;
	local function finish(verdict)
		if not over then
			over = true;
			answer(verdict);
		end
	end
	local listener = {};
	function listener.onincoming(conn, data)
		received = received .. data;
		for line in received:gmatch("([^\n]*)\n") do
			if line:match("^OK\t1\t") then
				finish(true);
			elseif line:match("^FAIL\t1") and (line .. "\t"):find("\ttemp\t", 1, true) then
				finish(nil);
			elseif line:match("^FAIL\t1") then
				finish(false);
			end
		end
		if over then conn:close(); end
	end
	function listener.ondisconnect()
		finish(nil);
	end
	local conn = server.wrapclient(socket, auth_socket, 0, listener, "*a");
	-- Connected it is already. Dovecot speaks first, and Prosody takes what it reads before it wrote for a failed connection.
	conn:onconnect();
	-- Without an address one who guesses would slow down the logins of all.
	local from = address and address:match("^[%x.:]+$") and ("rip=%s\t"):format(address) or "no-penalty\t";
	conn:write(("VERSION\t1\t1\nCPID\t%d\nAUTH\t1\tPLAIN\tservice=xmpp\tsecured\t%sresp=%s\n"):format(
		connection_number(), from, base64.encode("\0" .. login .. "\0" .. password)));
	module:add_timer(WITHIN, function ()
		if not over then
			finish(nil);
			conn:close();
		end
	end);
end

local provider = {};

-- A question that Dovecot answers at once, so it may be waited for.
function provider.user_exists(username)
	local login = login_of(username);
	local socket = login and connect(user_socket);
	if not socket then return false; end
	local found = false;
	if socket:send("VERSION\t1\t1\nUSER\t1\t" .. login .. "\tservice=xmpp\n") then
		for line in function () return (socket:receive("*l")); end do
			local reply = line:match("^(%u+)\t1");
			if reply == "USER" or reply == "NOTFOUND" or reply == "FAIL" then
				found = reply == "USER";
				break;
			end
		end
	end
	socket:close();
	return found;
end

function provider.test_password(username, password, address)
	local login = login_of(username);
	if not login or password:find("%z") then return false; end
	local wait, done = async.waiter();
	local verdict;
	ask(login, password, address, function (answer)
		verdict = answer;
		done();
	end);
	wait();
	-- Printers and programs have a password, but no mailbox: they only send.
	if verdict then return provider.user_exists(username); end
	return verdict;
end

-- SASL PLAIN, since Dovecot keeps hashes only. A client is told "later" when Dovecot is away, lest it forgets its password.
local function new_handler(session)
	local later = false;
	local handler = new_sasl(module.host, {
		plain_test = function (_, username, password)
			local verdict = provider.test_password(username, password, session and session.ip);
			later = verdict == nil;
			return verdict == true, true;
		end;
	});
	local process = handler.process;
	function handler:process(message)
		local status, condition, text = process(self, message);
		if status == "failure" and later then
			return status, "temporary-auth-failure", "Logins cannot be checked for now.";
		end
		return status, condition, text;
	end
	function handler.clean_clone() return new_handler(session); end
	return handler;
end

provider.get_sasl_handler = new_handler;

function provider.get_password()
	return nil, "Passwords are kept by Dovecot as hashes.";
end

function provider.set_password()
	return nil, "Passwords are set where the mail accounts are.";
end

provider.create_user = provider.set_password;
provider.delete_user = provider.set_password;

module:provides("auth", provider);
