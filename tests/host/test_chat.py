"""Chat (XMPP): logins, messages, other servers, certificates."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import hashlib
import shutil
import time
import uuid
from collections.abc import Iterator

import lab
import nntp
import pytest
import xmpp
from xmpp import Refused, Stream, session

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


@pytest.fixture
def alone() -> Iterator[None]:
    """The tests of the other host, which run at the same time, do not take its chat server away meanwhile."""
    with (lab.STATE / "chat.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.control("xmpp.server")
@pytest.mark.control("tls.starttls-all")
@pytest.mark.control("tls.implicit")
@pytest.mark.parametrize("direct", [False, True], ids=["5222", "5223"])
@pytest.mark.parametrize("prefix", ["", "a."])
def test_mail_account_logs_in(mx, direct: bool, prefix: str) -> None:
    """With STARTTLS and with TLS from the first byte; the certificate is for the user's own domain."""

    async def login() -> None:
        async with session(mx, f"joe@{prefix}{mx.domain}", direct=direct) as user:
            assert user.boundjid.bare == f"joe@{prefix}{mx.domain}"

    asyncio.run(login())


@pytest.mark.control("xmpp.server")
@pytest.mark.control("prc.abuse-stop")
@pytest.mark.parametrize("name", ["alice", "nobody", "locked", "printer"])
def test_login_is_refused(mx, name: str) -> None:
    """A wrong password, nobody, a suspended account, a machine that may only send mail."""

    async def login() -> None:
        async with session(mx, f"{name}@{mx.domain}", password="wrong-1" if name == "alice" else None):
            pass

    with pytest.raises(Refused, match="not-authorized"):
        asyncio.run(login())


@pytest.mark.control("tls.mua-required")
@pytest.mark.control("xmpp.server")
def test_nothing_without_tls(mx) -> None:
    """No mechanism is offered in clear, and who tries all the same is refused; nobody can register."""
    secret = base64.b64encode(f"\0alice\0{mx.password}".encode()).decode()
    with Stream(mx) as stream:
        features = stream.until("</stream:features>")
        assert "<required/>" in features
        assert "mechanism" not in features
        assert "register" not in features
        stream.say(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>")
        seen = stream.until("</stream:stream>", "</failure>", "<success")
        assert "<success" not in seen
        assert (
            "encryption-required" in seen
            or "not-authorized" in seen
            or "policy-violation" in seen
            or "invalid-mechanism" in seen
        ), seen
    with Stream(mx) as stream:
        stream.until("</stream:features>")
        stream.say(
            "<iq type='set' id='r'><query"
            " xmlns='jabber:iq:register'><username>eve</username><password>eve-1</password></query></iq>"
        )
        seen = stream.until("</stream:stream>", "</iq>", "type='result'")
        assert "result" not in seen, seen


@pytest.mark.control("xmpp.server")
def test_nobody_registers(mx) -> None:
    """Not even with TLS and a login."""
    import slixmpp

    async def register() -> None:
        async with session(mx, f"alice@{mx.domain}") as user:
            iq = user.make_iq_set(ito=mx.domain)
            iq.xml.append(
                slixmpp.xmlstream.ET.fromstring(
                    "<query xmlns='jabber:iq:register'><username>eve</username><password>eve-1</password></query>"
                )
            )
            with pytest.raises(
                slixmpp.exceptions.IqError, match="service-unavailable|not-allowed|feature-not-implemented"
            ):
                await iq.send(timeout=10)

    asyncio.run(register())


@pytest.mark.control("xmpp.server")
def test_users_write_to_each_other(mx) -> None:
    """Across the domains of the site; all programs of a user see it, and the archive has it."""
    text, d = f"hello {uuid.uuid4()}", mx.domain

    async def talk() -> None:
        async with (
            session(mx, f"alice@{d}") as alice,
            session(mx, f"joe@a.{d}") as joe,
            session(mx, f"joe@a.{d}") as other,
        ):
            for program in (joe, other):
                program.register_plugin("xep_0280")
                await program.plugin["xep_0280"].enable()
                program.add_event_handler(
                    "carbon_received", lambda m, to=program: to.received.put_nowait(m["carbon_received"])
                )
            alice.say(joe.boundjid.full, text)
            await joe.hears(text)
            await other.hears(text)
            joe.say(f"alice@{d}", f"re: {text}")
            await alice.hears(f"re: {text}")
            joe.register_plugin("xep_0313")
            kept = [m["mam_result"]["forwarded"]["stanza"]["body"] async for m in joe.plugin["xep_0313"].iterate()]
            assert text in kept

    asyncio.run(talk())


@pytest.mark.control("xmpp.server")
def test_message_waits_over_a_restart(mx, alone) -> None:
    text, d = f"later {uuid.uuid4()}", mx.domain

    async def leave() -> None:
        async with session(mx, f"alice@{d}") as alice:
            alice.say(f"carol@{d}", text)
            await alice.get_roster()  # answered in turn: the message has been taken

    async def fetch() -> None:
        async with session(mx, f"carol@{d}") as carol:
            await carol.hears(text)

    asyncio.run(leave())
    mx.ssh("systemctl restart prosody")
    mx.until("ss -Hltn | grep -q :5222")
    asyncio.run(fetch())


@pytest.mark.control("xmpp.server")
def test_message_to_nobody_is_returned(mx) -> None:
    """What nobody will ever read is not stored."""
    text, d = f"nobody {uuid.uuid4()}", mx.domain

    async def send() -> None:
        async with session(mx, f"alice@{d}") as alice:
            alice.say(f"nobody@{d}", text)
            assert await alice.gets_back(f"nobody@{d}") == "service-unavailable"

    asyncio.run(send())
    assert mx.ssh("find /var/lib/prosody -name 'nobody*'").strip() == ""


@pytest.mark.control("xmpp.server")
def test_wrong_password_holds_up_nobody(mx) -> None:
    """Dovecot answers it late; others are served meanwhile."""

    async def guess() -> float:
        start = time.monotonic()
        with pytest.raises(Refused):
            async with session(mx, f"bob@{mx.domain}", password="wrong-2"):
                pass
        return time.monotonic() - start

    async def both() -> None:
        async with session(mx, f"alice@{mx.domain}") as alice:
            alice.register_plugin("xep_0199")
            guesses = [asyncio.create_task(guess()) for _ in range(4)]
            await asyncio.sleep(0.5)
            waits = [await alice.plugin["xep_0199"].ping(mx.domain, timeout=10) for _ in range(5)]
            assert max(waits) < 1, waits
            assert min(await asyncio.gather(*guesses)) > 1

    asyncio.run(both())


@pytest.mark.control("xmpp.server")
def test_program_keeps_its_password_while_dovecot_is_away(mx, alone) -> None:
    async def login() -> None:
        async with session(mx, f"alice@{mx.domain}"):
            pass

    mx.ssh("systemctl stop dovecot")
    try:
        with pytest.raises(Refused, match="temporary-auth-failure"):
            asyncio.run(login())
    finally:
        mx.ssh("systemctl start dovecot")
    asyncio.run(login())


@pytest.mark.control("xmpp.server")
def test_other_servers(mx, alone) -> None:
    """A user of the other organisation and one of ours write to each other, over TLS with certificates that both
    believe."""
    other = xmpp.partner(mx)
    text, d = f"from afar {uuid.uuid4()}", mx.domain

    async def talk() -> None:
        async with session(mx, f"bob@{d}") as bob, session(other, f"bob@{other.domain}") as friend:
            bob.say(f"bob@{other.domain}", text)
            assert (await friend.hears(text, 60))["from"].bare == f"bob@{d}"
            friend.say(f"bob@{d}", f"re: {text}")
            assert (await bob.hears(f"re: {text}", 60))["from"].bare == f"bob@{other.domain}"

    asyncio.run(talk())
    log = mx.ssh("journalctl -u prosody --no-pager -o cat")
    assert f"{d}->{other.domain} complete" in log


@pytest.mark.control("xmpp.server")
def test_server_with_an_unknown_certificate_is_refused(mx, alone) -> None:
    other = xmpp.partner(mx)
    text, d = f"unbelieved {uuid.uuid4()}", mx.domain

    async def send() -> None:
        async with session(mx, f"carol@{d}") as carol:
            carol.say(f"carol@{other.domain}", text)
            assert await carol.gets_back(f"carol@{other.domain}", 60) in (
                "remote-server-not-found",
                "remote-server-timeout",
                "not-authorized",
            )

    try:
        mx.write_site(change=("trusted: [partner]", "trusted: []"))
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout
        asyncio.run(send())
    finally:
        mx.write_site()
        mx.roll_out()
    assert "changed=0" in mx.roll_out().stdout


@pytest.mark.control("prc.abuse-stop")
def test_changed_logins_end_their_sessions_of_chat_and_news(mx, alone) -> None:
    """Of one that is suspended, on both ports of each; nobody else notices."""
    d = mx.domain
    readers = {(name, port): nntp.Reader(mx, port) for name in ("carol", "bob") for port in (119, 563)}
    for (name, port), reader in readers.items():
        if port == 119:
            reader.starttls()
        assert reader.login(f"{name}@{d}").startswith("281")

    async def roll_out() -> list[bool]:
        async with (
            session(mx, f"carol@{d}") as carol,
            session(mx, f"carol@{d}", direct=True) as again,
            session(mx, f"bob@{d}") as bob,
        ):
            mx.write_site(change=("{name: carol}", "{name: carol, suspended: case 2}"))
            done = await asyncio.to_thread(mx.roll_out)
            assert done.returncode == 0, done.stdout
            await asyncio.sleep(1)
            text = f"still here {uuid.uuid4()}"
            bob.say(bob.boundjid.full, text)
            await bob.hears(text)
            return [carol.is_connected(), again.is_connected()]

    try:
        assert asyncio.run(roll_out()) == [False, False]
        answers = {key: reader.say("DATE")[:3] for key, reader in readers.items() if key[0] == "bob"}
        assert set(answers.values()) == {"111"}
        for port in (119, 563):
            with pytest.raises((OSError, AssertionError)):
                assert readers["carol", port].say("DATE")
        with nntp.Reader(mx) as reader:
            assert not reader.login(f"carol@{d}").startswith("281")
    finally:
        for reader in readers.values():
            reader.socket.close()
        mx.write_site()
        done = mx.roll_out()
    assert done.returncode == 0, done.stdout


@pytest.mark.control("xmpp.server")
def test_shell_is_for_root_alone(mx) -> None:
    """Who may speak with it may read and do everything in Prosody's name."""
    connect = "import socket; socket.socket(socket.AF_UNIX).connect('/run/prosody/shell')"
    assert "PermissionError" in mx.ssh(
        f'setpriv --reuid nobody --regid nogroup --clear-groups python3 -c "{connect}"', check=False
    )
    assert mx.ssh(f'python3 -c "{connect}"') == ""


@pytest.mark.control("tls.cert")
def test_new_certificate_is_taken_without_a_restart(mx) -> None:
    """As it is renewed: sessions stay open, and both ports show the new one."""
    name = f"a.{mx.domain}"
    before = [xmpp.certificate(mx, port, name) for port in (5222, 5223)]
    pid = mx.ssh("systemctl show -P MainPID prosody")
    for file in (mx.folder / "keys/tls").glob(f"{name}.*"):
        file.unlink()
    mx.write_site()
    done = mx.roll_out()
    assert done.returncode == 0, done.stdout
    assert mx.ssh("systemctl show -P MainPID prosody") == pid
    mine = (mx.folder / f"keys/tls/{name}.crt").read_text()
    for old, port in zip(before, (5222, 5223), strict=True):
        new = xmpp.certificate(mx, port, name)
        assert new != old, port
        assert (
            hashlib.sha256(new).hexdigest()
            == hashlib.sha256(
                xmpp.ssl.PEM_cert_to_DER_cert(mine.split("-----END")[0] + "-----END CERTIFICATE-----\n")
            ).hexdigest()
        )


@pytest.mark.control("tls.cert")
def test_key_of_another_domain_is_refused(mx, tmp_path) -> None:
    """Before anything is switched."""
    from test_rollout import ETC

    keys, before = mx.folder / "keys/tls", mx.ssh(ETC)
    shutil.copyfile(keys / f"a.{mx.domain}.key.vault", tmp_path / "mine")
    try:
        shutil.copyfile(keys / f"all.{mx.domain}.key.vault", keys / f"a.{mx.domain}.key.vault")
        mx.write_site()
        done = mx.roll_out()
        assert done.returncode != 0
        assert f"a.{mx.domain}.key is not the key of" in done.stdout
        assert mx.ssh(ETC) == before
    finally:
        shutil.copyfile(tmp_path / "mine", keys / f"a.{mx.domain}.key.vault")
        mx.write_site()
    assert "changed=0" in mx.roll_out().stdout
