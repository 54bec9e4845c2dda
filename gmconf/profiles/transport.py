"""The category TLS: what a host offers, judged (CONTROLS 3.2 and 3.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dns.rdata
from dns.rdtypes.ANY.CAA import CAA

from gmconf.derived.zones import parents
from gmconf.dns.live.ask import Answer
from gmconf.profiles import readings
from gmconf.profiles.addresses import Receivers, nobody
from gmconf.profiles.score import Found, bad, good, untested, warned
from gmconf.profiles.source import Source
from gmconf.profiles.table import RULES
from gmconf.profiles.tls_offer import DH_BITS, Offer

KEYS = tuple(rule.key for rule in RULES if rule.category == "TLS")
NEW = ("TLSv1.2", "TLSv1.3")


def nowhere(found: Receivers) -> list[Found]:
    """A domain without mail hosts."""
    first, *rest = KEYS
    return [nobody(first, found), *(untested(key, "no MX") for key in rest)]


async def transport(source: Source, offer: Offer) -> list[Found]:
    """All subtests of one MX."""
    if offer.problem or not offer.starttls:
        first, *rest = KEYS
        told = Found(first, "error", 0, f"{offer.host}: {offer.problem or 'no STARTTLS'}")
        return [told, *(untested(key, "without TLS there is nothing to test") for key in rest)]
    dane, usages = await _dane(source, offer)
    found = [*_handshakes(offer), *_certificates(offer, usages), await _caa(source, offer.host), *dane]
    # Notes name the host: a domain has several.
    return [f if not f.note else Found(f.key, f.status, f.points, f"{offer.host}: {f.note}", f.counts) for f in found]


def _handshakes(offer: Offer) -> Iterator[Found]:
    yield good("starttls_exists")
    yield _groups(offer.groups)
    if offer.insufficient:
        yield bad("tls_ciphers", f"insufficient: {', '.join(offer.insufficient)}")
    else:
        yield (
            warned("tls_ciphers", f"to be phased out: {', '.join(offer.phase_out)}")
            if offer.phase_out
            else good("tls_ciphers")
        )
    yield (
        good("tls_cipher_order")
        if offer.ordered
        else bad("tls_cipher_order", "ciphers to be phased out are taken before sufficient ones")
    )
    old = [v for v in offer.versions if v not in NEW]
    yield bad("tls_version", ", ".join(old)) if old else good("tls_version", ", ".join(offer.versions))
    yield bad("tls_compression", "compressed") if offer.compression else good("tls_compression")
    yield good("renegotiation_secure") if offer.secure_renegotiation else bad("renegotiation_secure", "not supported")
    yield (
        bad("renegotiation_client", "clients can renegotiate")
        if offer.client_renegotiation
        else good("renegotiation_client")
    )
    yield good("zero_rtt", "mail servers have none")
    if offer.hashes == "sha1":
        yield bad("kex_hash_func", "SHA-1 is taken")
    else:
        yield warned("kex_hash_func", "SHA-224 is taken") if offer.hashes == "sha224" else good("kex_hash_func")
    if offer.master_secret is None:
        yield untested("extended_master_secret", "TLS 1.3 needs none")
    else:
        yield good("extended_master_secret") if offer.master_secret else bad("extended_master_secret", "not used")


def _groups(groups: Sequence[str]) -> Found:
    """All curves that can be seen are sufficient: others are not offered."""
    finite = [g for g in groups if g.startswith("DH ")]
    if small := [g for g in finite if int(g.split()[1]) < DH_BITS]:
        return bad("fs_params", f"insufficient: {', '.join(small)}")
    return (
        warned("fs_params", f"to be phased out: {', '.join(finite)}")
        if finite
        else good("fs_params", ", ".join(groups))
    )


def _certificates(offer: Offer, usages: Sequence[str]) -> Iterator[Found]:
    # Loading the library takes longer than all the rest.
    from gmconf.dns.associated import unnamed
    from gmconf.profiles import chain

    if not offer.chain:
        for key in ("cert_trust", "cert_pubkey", "cert_signature", "cert_hostmatch"):
            yield untested(key, "no certificate was seen")
        return
    wrong = unnamed(offer.chain, offer.host)
    if doubtful := offer.trusted or wrong or chain.unsupported(offer.chain):
        yield bad("cert_trust", doubtful)
    else:
        yield untested("cert_trust", "not known") if offer.trusted is None else good("cert_trust")
    for key, (status, note) in (
        ("cert_pubkey", chain.keys(offer.chain)),
        ("cert_signature", chain.signatures(offer.chain)),
    ):
        yield warned(key, note) if status == "warning" else bad(key, note) if status == "bad" else good(key, note)
    if wrong and "2" in usages:
        # A record about an authority rests on the name: that is failed, and costs nothing.
        yield Found("cert_hostmatch", "bad", 0, wrong)
    else:
        yield bad("cert_hostmatch", wrong) if wrong else good("cert_hostmatch")


async def _caa(source: Source, host: str) -> Found:
    """The nearest record set above the name decides (RFC 8659 section 3), and every record of it has to be one that
    means something."""
    for name in (host, *parents(host)):
        answer = await source.ask(name, "CAA")
        if answer.status == "failed":
            return bad("mail_caa", f"{name}: {answer.note}")
        if answer.values:
            return _judged_caa(f"at {name}: {', '.join(answer.values)}", answer.values)
    return bad("mail_caa", f"none at {host} or above")


def _judged_caa(listed: str, values: Sequence[str]) -> Found:
    found = [one for value in values if isinstance(one := dns.rdata.from_text("IN", "CAA", value), CAA)]
    tags = {one.tag for one in found}
    if wrong := [
        why for one in found if (why := readings.caa(one.flags, one.tag.decode(), one.value.decode("utf-8", "replace")))
    ]:
        return bad("mail_caa", f"{listed}: {', '.join(wrong)}")
    return good("mail_caa", listed) if b"issue" in tags else bad("mail_caa", f"no issue {listed}")


async def _dane(source: Source, offer: Offer) -> tuple[list[Found], list[str]]:
    """The three subtests, and the usages of the records."""
    from gmconf.dns.associated import associated
    from gmconf.profiles import chain

    keys = ("dane_exists", "dane_valid", "dane_rollover")
    if source.signs:
        return [untested(key, source.signs) for key in keys], []
    answer = await source.ask(f"_25._tcp.{offer.host}", "TLSA", validated=True)
    if why := _unusable(answer):
        return [bad("dane_exists", why), *(untested(key, "no TLSA record that counts") for key in keys[1:])], []
    shown = _counted(answer)
    said = ", ".join(f"{v[:14]}..." for v in shown)
    usages = [v.split()[0] for v in shown]
    rollover = usages.count("3") > 1 or {"2", "3"} <= set(usages)
    last = good("dane_rollover") if rollover else bad("dane_rollover", "one record only: none for the next key")
    matches = any(associated(offer.chain, r, offer.host) for r in shown)
    why = (
        chain.too_weak(offer.chain)
        if matches
        else f"the host shows another certificate than {said}, or one that is out of date"
    )
    # Both subtests have their points from one field there: a record that does not match is worth as much as none.
    both = (
        [Found("dane_exists", "good", 0, said), bad("dane_valid", why)]
        if why
        else [good("dane_exists", said), good("dane_valid")]
    )
    return [*both, last], usages


def _counted(answer: Answer) -> list[str]:
    """Mail knows usages 2 and 3 (RFC 7672 section 3.1); that test leaves out 0 and 1, and takes all others for records
    that match nothing."""
    return [v for v in answer.values if v.split()[0] not in ("0", "1")]


def _unusable(answer: Answer) -> str:
    if answer.status == "failed":
        return f"no answer that can be believed: {answer.note}"
    if not _counted(answer):
        return "no record" if not answer.values else "only usages 0 and 1, which mail does not know"
    return "" if answer.secure else "the record is not signed"
