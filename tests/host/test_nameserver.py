"""Name servers of the site's own: what they answer is what the contract says, signed, and nobody gets more."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator

import demo
import dns.dnssec
import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsigkeyring
import dns.update
import dns.xfr
import dns.zone
import lab
import pytest
import sites
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

from gmconf.keys.names import TRANSFER, TRANSFER_KEY


def ask(address: str, name: str, kind: str, *, tcp: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, kind, want_dnssec=True)
    return (dns.query.tcp if tcp else dns.query.udp)(query, address, timeout=10)


def serial(address: str, zone: str) -> int:
    return ask(address, zone, "SOA").answer[0][0].serial


def rrset(message: dns.message.Message, kind: str, covers: str = "NONE") -> dns.rrset.RRset | None:
    wanted = dns.rdatatype.from_text(kind), dns.rdatatype.from_text(covers)
    return next((r for r in message.answer if (r.rdtype, r.covers) == wanted), None)


def keys_of(mx, zone: str) -> dict[dns.name.Name, dns.rrset.RRset]:
    """Its keys, as who believes the DS records that the host shows for the parent would get them."""
    answer = ask(mx.ip4, zone, "DNSKEY", tcp=True)
    keys = rrset(answer, "DNSKEY")
    wanted = {line.split(" DS ")[1] for line in mx.ssh(f"keymgr {zone} ds").splitlines() if " DS " in line}
    vouched = [key for key in keys if dns.dnssec.make_ds(dns.name.from_text(zone), key, "SHA256").to_text() in wanted]
    assert vouched
    name = dns.name.from_text(zone)
    dns.dnssec.validate(keys, rrset(answer, "RRSIG", "DNSKEY"), {name: dns.rrset.from_rdata_list(name, 0, vouched)})
    return {name: keys}


def ids(mx) -> list[str]:
    return sorted(line.split()[0] for line in mx.ssh(f"keymgr {mx.domain} list").splitlines())


def contract(mx) -> dns.zone.Zone:
    """The zone as gmconf dns prints it."""
    done = subprocess.run(
        [*demo.GMCONF, "dns", str(mx.folder / "site.yml"), "--zone", mx.domain],
        check=True,
        capture_output=True,
        text=True,
    )
    return dns.zone.from_text(done.stdout, mx.domain, relativize=False)


@pytest.mark.control("dns.dnssec")
@pytest.mark.control("net.ipv6")
def test_answers_are_the_contract_and_signed(mx) -> None:
    """Every record that gmconf dns prints is answered as it is there, with a signature that validates."""
    keys = keys_of(mx, mx.domain)
    wanted = [(name, data) for name, data in contract(mx).iterate_rdatasets() if data.rdtype != dns.rdatatype.SOA]
    assert len(wanted) > 30
    for number, (name, data) in enumerate(wanted):
        kind = dns.rdatatype.to_text(data.rdtype)
        answer = ask((mx.ip4, mx.ip6)[number % 2], str(name), kind, tcp=number % 3 == 0)
        if answer.flags & dns.flags.TC:
            answer = ask(mx.ip4, str(name), kind, tcp=True)
        assert answer.flags & dns.flags.AA
        found = rrset(answer, kind)
        assert found is not None, (name, kind)
        assert set(found) == set(data), (name, kind)
        dns.dnssec.validate(found, rrset(answer, "RRSIG", kind), keys)
    for kind in ("CDS", "CDNSKEY"):
        assert rrset(ask(mx.ip4, mx.domain, kind), kind)


@pytest.mark.control("dns.dnssec")
def test_what_is_not_there_is_proved(mx) -> None:
    keys = keys_of(mx, mx.domain)
    answer = ask(mx.ip4, f"nobody.{mx.domain}", "A")
    assert answer.rcode() == dns.rcode.NXDOMAIN
    proofs = [r for r in answer.authority if r.rdtype == dns.rdatatype.NSEC]
    assert proofs
    for proof in proofs:
        signature = next(r for r in answer.authority if r.covers == dns.rdatatype.NSEC and r.name == proof.name)
        dns.dnssec.validate(proof, signature, keys)


@pytest.mark.control("gov.minimal")
def test_nobody_gets_more(mx) -> None:
    """No other names, no whole zones, no changes, no hint at who answers; the resolver stays on loopback."""
    for address in (mx.ip4, mx.ip6):
        assert ask(address, "sender.example", "MX").rcode() == dns.rcode.REFUSED
        with pytest.raises(dns.xfr.TransferError):
            list(dns.query.xfr(address, mx.domain, timeout=10))
        update = dns.update.UpdateMessage(mx.domain)
        update.add("intruder", 5, "A", "192.0.2.1")
        assert dns.query.tcp(update, address, timeout=10).rcode() in (dns.rcode.REFUSED, dns.rcode.NOTAUTH)
        assert ask(address, f"intruder.{mx.domain}", "A").rcode() == dns.rcode.NXDOMAIN
        for name in ("version.bind", "version.server", "id.server", "hostname.bind"):
            assert not dns.query.udp(dns.message.make_query(name, "TXT", rdclass="CH"), address, timeout=10).answer
    assert {
        line.split()[4].rpartition(":")[0] for line in mx.ssh("ss -Hlntup 'sport = :53' | grep unbound").splitlines()
    } == {"127.0.0.1", "[::1]"}


@pytest.mark.control("dns.dnssec")
@pytest.mark.promise("a second roll-out changes nothing")
def test_a_change_is_live_with_the_same_keys(mx) -> None:
    """A reload: nothing is restarted, the serial grows, keys stay; again nothing changes."""
    before, keys, pid = serial(mx.ip4, mx.domain), ids(mx), mx.ssh("systemctl show -p MainPID knot")
    try:
        web = f"{{name: www.{mx.domain}, type: CNAME, value: www.hosting.example.}}"
        mx.write_site(change=("dmarc: {policy: reject}", f"dmarc: {{policy: quarantine}}, records: [{web}]"))
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout
        mx.until(f"journalctl -u knot -o cat -n 20 | grep -q 'loaded, serial {before} -> '", 15)
        text = rrset(ask(mx.ip4, f"_dmarc.{mx.domain}", "TXT"), "TXT")[0].to_text()
        assert "p=quarantine" in text
        assert rrset(ask(mx.ip6, f"www.{mx.domain}", "A"), "CNAME")[0].to_text() == "www.hosting.example."
        assert serial(mx.ip4, mx.domain) > before
        again = mx.roll_out()
        assert "changed=0" in again.stdout, again.stdout
    finally:
        mx.write_site()
        assert mx.roll_out().returncode == 0
    assert ids(mx) == keys
    assert mx.ssh("systemctl show -p MainPID knot") == pid
    keys_of(mx, mx.domain)


@pytest.mark.control("dns.dnssec")
def test_the_parent_is_asked_for_the_key(mx) -> None:
    """A new key counts as submitted as soon as the parent has its DS record;
    keys that were put aside are taken again.
    """
    zone, old = mx.domain, ids(mx)
    active = f"keymgr {zone} list | grep ' KSK ' | grep -q ' active='"
    mx.ssh("systemctl stop knot; mv /var/lib/knot/keys /var/lib/knot/aside; systemctl start knot")
    try:
        mx.until(f"keymgr {zone} list | grep -q ' KSK '", 30)
        assert not set(ids(mx)) & set(old)
        mx.until("journalctl -u knot -o cat -n 5 | grep -q 'submission check: negative'", 30)
        mx.ssh(f"! {{ {active}; }}")
        found = [line for line in mx.ssh(f"keymgr {zone} ds").splitlines() if line.split()[-2:-1] == ["2"]]
        lab.zone(
            mx.machine.name,
            f"{zone}. 5 NS mail.{zone}.\nmail.{zone}. 5 A {mx.ip4}\n"
            + "".join(f"{line.replace(' DS ', ' 5 DS ')}\n" for line in found),
        )
        mx.ssh(f"unbound-control -q flush_zone {zone}; systemctl restart knot")
        mx.until(active, 30)
    finally:
        mx.ssh(
            "systemctl stop knot; rm -rf /var/lib/knot/keys; mv /var/lib/knot/aside /var/lib/knot/keys; systemctl start"
            " knot"
        )
        sites.publish(mx.machine)
        mx.ssh(f"unbound-control -q flush_zone {zone}")
    mx.until("journalctl -u knot -o cat -n 8 | grep -q '] loaded, serial'", 30)
    assert ids(mx) == old
    keys_of(mx, zone)


@contextlib.contextmanager
def second(mx) -> Iterator[dict[dns.name.Name, dns.tsig.Key]]:
    """A site with another name server, whose address is that of the outside host on this machine; its key."""
    ip4, ip6 = mx.sink.address, f"{lab.NET6}{mx.machine.number + 100}"
    line = f'\n  - {{name: ns2.{mx.domain}, release: trixie, addresses: [{ip4}, "{ip6}"], roles: [nameserver]}}\n'
    text = sites.site(mx.machine)
    at = text.index("\n", text.index("hosts:\n") + 7)
    servers = f"nameservers: [{{name: mail.{mx.domain}}}"
    whole = (text[:at] + line.rstrip("\n") + text[at:]).replace(servers, f"{servers}, {{name: ns2.{mx.domain}}}")
    try:
        mx.write_site(change=(text, whole))
        done = mx.roll_out("--limit", mx.name)
        assert done.returncode == 0, done.stdout
        vault = VaultLib([("default", VaultSecret(demo.vault_password().read_bytes().strip()))])
        key = yaml.safe_load(vault.decrypt((mx.folder / "keys" / TRANSFER).read_bytes()))["key"][0]
        assert key["secret"] not in "".join(p.read_text() for p in (mx.folder / "build").rglob("*") if p.is_file())
        yield dns.tsigkeyring.from_text({TRANSFER_KEY: key["secret"]})
    finally:
        mx.write_site()
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout
    mx.ssh("test ! -e /etc/knot/transfer.conf")


def fetched(mx, ring: dict[dns.name.Name, dns.tsig.Key] | None) -> dns.zone.Zone:
    """The whole zone, as the other name server asks for it."""
    zone = dns.zone.Zone(dns.name.from_text(mx.domain), relativize=False)
    query, _ = dns.xfr.make_query(zone, keyring=ring, keyalgorithm="hmac-sha256")
    dns.query.inbound_xfr(mx.ip4, zone, query, source=mx.sink.address, timeout=10)
    return zone


@pytest.mark.control("dns.two-ns")
def test_a_secondary_gets_the_zone_with_the_key(mx) -> None:
    """It is told of a change, and handed the signed zone; without the key, or with another, it is not."""
    told = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    told.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    told.bind((mx.sink.address, 53))
    told.listen()
    told.settimeout(30)
    with contextlib.closing(told), second(mx) as ring:
        client, _ = told.accept()
        with contextlib.closing(client):
            client.settimeout(10)
            notice = dns.message.from_wire(client.recv(4096)[2:], keyring=ring)
            client.sendall(dns.message.make_response(notice).to_wire(prepend_length=True))
        assert notice.opcode() == dns.opcode.NOTIFY
        assert notice.question[0].name == dns.name.from_text(mx.domain)
        assert notice.had_tsig
        zone = fetched(mx, ring)
        wanted = {
            (name, data.rdtype): set(data)
            for name, data in contract(mx).iterate_rdatasets()
            if data.rdtype != dns.rdatatype.SOA
        }
        got = {(name, data.rdtype): set(data) for name, data in zone.iterate_rdatasets()}
        assert wanted.items() <= got.items()
        assert any(kind == dns.rdatatype.RRSIG for _, kind in got)
        wrong = dns.tsigkeyring.from_text({TRANSFER_KEY: "c2VjcmV0IG9mIHNvbWVib2R5IGVsc2UgYWx0b2dldGhlcg=="})
        for other in (None, wrong):
            with pytest.raises((dns.xfr.TransferError, dns.exception.DNSException)):
                fetched(mx, other)
