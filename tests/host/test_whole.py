"""A filter that lost a part lets nothing in: files, maps, keys and rules taken away one by one."""

from __future__ import annotations

import contextlib
import smtplib
import time
from collections.abc import Iterator

import pytest
from clients import EICAR, GTUBE, arrives, message, outside, submission

PROGRAM = "/usr/local/lib/gmconf/rspamd-whole"
RULES = "/etc/rspamd/local.d/rspamd.lua"
DOMAINS = "/etc/rspamd/local.d/maps.d/domains.map"
LIST = f"sed -n '/^done <<.END.$/,/^END$/p' {PROGRAM} | sed '1d;$d'"
"""The files of the filter, a line each."""


@contextlib.contextmanager
def changed(mx, path: str, how: str, back: str) -> Iterator[None]:
    """A file as a command leaves it; afterwards it is as it was, and the filter too."""
    mx.ssh(f"rm -rf /root/part; cp -a {path} /root/part && {how}")
    try:
        yield
    finally:
        mx.ssh(f"rm -rf {path}; mv /root/part {path}; systemctl reset-failed rspamd; {back}")
        mx.accepts(300)


def settles(mx) -> None:
    """After a reload the old workers answer for a while."""
    deadline = time.monotonic() + 300
    while codes(mx)["clean"] == 250:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def codes(mx) -> dict[str, int]:
    """What becomes of clean mail, the two test strings, and mail in the name of others."""
    to, seen = f"alice@{mx.domain}", {}
    texts = {"clean": "Good morning.\n", "virus": EICAR.decode(), "spam": GTUBE + "\n", "ours": "x\n", "strict": "x\n"}
    for name, text in texts.items():
        sender = {"ours": to, "strict": "boss@strict.example"}.get(name, "x@sender.example")
        with outside(mx) as smtp:
            try:
                smtp.sendmail("x@sender.example", [to], message(sender, to, text).as_bytes())
                seen[name] = 250
            except smtplib.SMTPResponseException as error:
                seen[name] = error.smtp_code
            except smtplib.SMTPRecipientsRefused as error:
                seen[name] = error.recipients[to][0]
    return seen


def submitted(mx, login: str) -> int:
    """The reply to a message of a user to somewhere outside."""
    to = f"x@{mx.out}"
    with submission(mx, login) as smtp:
        try:
            smtp.sendmail(login, [to], message(login, to).as_bytes())
        except smtplib.SMTPResponseException as error:
            return error.smtp_code
    return 250


def put_off(mx) -> None:
    """Nothing comes in, and what is good is not refused for good."""
    seen = codes(mx)
    assert seen.pop("clean") // 100 == 4
    assert min(seen.values()) >= 400, seen


@pytest.mark.control("flt.fail-closed")
def test_every_file_of_the_filter_is_looked_at_before_it_starts(mx) -> None:
    """The program that runs before rspamd names each file that is missing, empty or unreadable, and other rules."""
    run = f"setpriv --reuid _rspamd --regid _rspamd --init-groups sh {PROGRAM}"
    assert mx.ssh(run) == ""
    script = f"""
        for file in $({LIST}); do
            cp -a $file /root/one
            for how in "rm $file" "truncate -s 0 $file" "chmod 0 $file; chown root:root $file"; do
                sh -c "$how"
                {run} 2>&1 | grep -qF "$file" && ! {run} >/dev/null 2>&1 || echo "not noticed: $how"
                rm -f $file; cp -a /root/one $file
            done
        done
        for file in /etc/rspamd/local.d/*.lua; do
            for how in 's/"[0-9a-f]*"$/"another"/' '$d'; do
                cp -a $file /root/one; sed -i "$how" $file
                {run} 2>&1 | grep -qF "$file is of another version" || echo "not noticed: $file $how"
                rm -f $file; cp -a /root/one $file
            done
        done; true"""
    assert mx.ssh(script) == ""
    assert mx.ssh(run) == ""
    listed = set(mx.ssh(LIST).split())
    there = set(mx.ssh("find /etc/rspamd/local.d /etc/rspamd/override.d /etc/gmconf/dkim -type f").split())
    assert there <= listed | {RULES}


@pytest.mark.control("flt.fail-closed")
def test_without_its_rules_the_filter_does_not_start(mx) -> None:
    with changed(mx, RULES, f"rm {RULES}; systemctl restart rspamd; true", "systemctl restart rspamd"):
        put_off(mx)
        assert f"{RULES} is missing" in mx.ssh("journalctl -u rspamd -n 60 --no-pager -o cat")


@pytest.mark.control("flt.fail-closed")
def test_rules_lost_while_it_runs(mx) -> None:
    """A reload looks at no file: the module that asks for the scan puts everything off."""
    with changed(mx, RULES, f"rm {RULES}; systemctl reload rspamd", "systemctl reload rspamd"):
        settles(mx)
        put_off(mx)


@pytest.mark.control("flt.fail-closed")
def test_a_map_that_was_cut(mx) -> None:
    """Without its last line a map may lack others: our own domains among them."""
    to = f"alice@{mx.domain}"
    with changed(mx, DOMAINS, f"echo '# nothing' > {DOMAINS}; systemctl reload rspamd", "systemctl reload rspamd"):
        settles(mx)
        put_off(mx)
    arrives(mx, message("x@sender.example", to), to)


@pytest.mark.control("flt.fail-closed")
@pytest.mark.parametrize(
    ("file", "how"),
    [
        ("addresses.lua", "s/^function addresses.fields.*/& error(1)/"),
        ("files.lua", "s/^function files.read.*/& error(1)/"),
        ("virus.lua", "s/^    local function answered.*/& error(1)/"),
        ("limits.lua", "s/^function gmconf.limit.*/& error(1)/"),
    ],
)
def test_a_rule_that_fails(mx, file: str, how: str) -> None:
    """An error lets in nothing that the rule would refuse."""
    path, login = f"/etc/rspamd/local.d/{file}", f"alice@{mx.domain}"
    with changed(
        mx,
        path,
        f"sed -i '{how}' {path}; ! cmp -s {path} /root/part && systemctl reload rspamd",
        "systemctl reload rspamd",
    ):
        settles(mx)
        assert submitted(mx, login) // 100 == 4
        put_off(mx)


@pytest.mark.control("flt.fail-closed")
def test_parts_of_two_versions(mx) -> None:
    """After a reload the filter goes on with the whole rules that it has; it does not start with half of others."""
    path, log = "/etc/rspamd/local.d/files.lua", "journalctl -u rspamd --since -10min --no-pager -o cat"
    other = f'sed -i \'$s/"[0-9a-f]*"$/"another"/\' {path}; ! cmp -s {path} /root/part'
    good = codes(mx)
    with changed(mx, path, f"{other} && systemctl reload rspamd", "systemctl restart rspamd"):
        mx.ssh(f"for i in $(seq 300); do {log} | grep -q 'restore old workers' && exit; sleep 1; done; exit 1")
        mx.accepts(300)
        assert codes(mx) == good
        mx.ssh("systemctl restart rspamd; true")
        put_off(mx)
        assert f"{path} is of another version" in mx.ssh(log)


@pytest.mark.control("flt.fail-closed")
@pytest.mark.parametrize(
    ("lost", "how"),
    [
        ("", "true"),
        ("lua_auth_results.gen_auth_results", "sed -i s/gen_auth_results/gone/ $d/lualib/lua_auth_results.lua"),
        ("lua_mime.modify_headers", "sed -i s/modify_headers/gone/ $d/lualib/lua_mime.lua"),
        ("lua_selectors.register_extractor", "sed -i s/register_extractor/gone/ $d/lualib/lua_selectors/init.lua"),
        (
            "task:get_dkim_results",
            'sed -i "1i local _, t = require(\\"rspamd_task\\").load_from_string(\\"\\", rspamd_config);'
            ' getmetatable(t).get_dkim_results = nil" $d/rspamd/local.d/rspamd.lua',
        ),
    ],
)
def test_a_rspamd_without_what_the_rules_build_on(mx, lost: str, how: str) -> None:
    """In a copy: an update that takes a function away is refused by the judge, and does not switch a check off."""
    said = mx.ssh(
        f"d=$(mktemp -d); cp -a /etc/rspamd /usr/share/rspamd/lualib $d && {how};"
        " rspamadm --var=LOCAL_CONFDIR=$d/rspamd --var=LUALIBDIR=$d/lualib configtest --strict 2>&1;"
        " echo code $?; rm -r $d"
    )
    assert (f"this rspamd has no {lost}:" in said and "code 1\n" in said) if lost else "code 0\n" in said, said


@pytest.mark.long
@pytest.mark.control("flt.fail-closed")
def test_every_file_taken_away(mx) -> None:
    """One after the other, and a restart each time."""
    for path in mx.ssh(LIST).split():
        mx.ssh(f"cp -a {path} /root/one; rm {path}; systemctl reset-failed rspamd; systemctl restart rspamd; true")
        try:
            put_off(mx)
        finally:
            mx.ssh(f"rm -f {path}; cp -a /root/one {path}")
    mx.ssh("systemctl reset-failed rspamd; systemctl restart rspamd")
    mx.accepts(300)


@pytest.mark.long
@pytest.mark.control("auth.dkim-sign")
def test_mail_that_cannot_be_signed_waits(mx) -> None:
    key = mx.ssh(f"ls /etc/gmconf/dkim/{mx.domain}.*-rsa.key /etc/gmconf/dkim/{mx.domain}.*-ed25519.key").split()
    login = f"alice@{mx.domain}"
    mx.ssh(f"mkdir -p /root/dkim-keys; mv {' '.join(key)} /root/dkim-keys/; systemctl reload rspamd")
    try:
        mx.accepts(300)
        deadline = time.monotonic() + 300
        while (code := submitted(mx, login)) == 250:
            assert time.monotonic() < deadline
        assert code == 451
    finally:
        mx.ssh("mv /root/dkim-keys/* /etc/gmconf/dkim/; systemctl reload rspamd")
        mx.accepts(300)
