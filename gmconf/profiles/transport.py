"""The category TLS: what a host offers, judged (CONTROLS 3.2 and 3.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gmconf.dns.tlsa import of_mail
from gmconf.lookup.ask import Answer
from gmconf.profiles.addresses import Receivers, nobody
from gmconf.profiles.offer import DH_BITS, GROUPS, OLD_GROUPS, Offer
from gmconf.profiles.score import Found, bad, good, untested, warned
from gmconf.profiles.source import Source
from gmconf.profiles.table import RULES
from gmconf.zones import parents

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
        told = Found(first, "error" if offer.problem else "bad", 0, f"{offer.host}: {offer.problem or 'no STARTTLS'}")
        return [told, *(untested(key, "without TLS there is nothing to test") for key in rest)]
    found = [*_handshakes(offer), *_certificates(offer), await _caa(source, offer.host), *await _dane(source, offer)]
    # Notes name the host: a domain has several.
    return [f if not f.note else Found(f.key, f.status, f.points, f"{offer.host}: {f.note}", f.counts) for f in found]


def _handshakes(offer: Offer) -> Iterator[Found]:
    yield good("starttls_exists")
    yield _groups(offer.groups)
    if offer.insufficient:
        yield bad("tls_ciphers", f"insufficient: {', '.join(offer.insufficient)}")
    else:
        yield warned("tls_ciphers", f"to be phased out: {', '.join(offer.phase_out)}") if offer.phase_out else good("tls_ciphers")
    yield good("tls_cipher_order") if offer.ordered else bad("tls_cipher_order", "the client's preference decides")
    old = [v for v in offer.versions if v not in NEW]
    yield bad("tls_version", ", ".join(old)) if old else good("tls_version", ", ".join(offer.versions))
    yield bad("tls_compression", "compressed") if offer.compression else good("tls_compression")
    yield good("renegotiation_secure") if offer.secure_renegotiation else bad("renegotiation_secure", "not supported")
    yield bad("renegotiation_client", "clients can renegotiate") if offer.client_renegotiation else good("renegotiation_client")
    yield good("zero_rtt", "mail servers have none")
    if offer.hashes == "sha1":
        yield bad("kex_hash_func", "SHA-1 is taken")
    elif offer.hashes == "good":
        yield good("kex_hash_func")
    else:
        yield warned("kex_hash_func", "SHA-224 is taken" if offer.hashes == "sha224" else "not known without TLS 1.2",
                     "warning" if offer.hashes == "sha224" else "notice")  # fmt: skip
    if offer.master_secret is None:
        yield untested("extended_master_secret", "TLS 1.3 needs none")
    else:
        yield good("extended_master_secret") if offer.master_secret else bad("extended_master_secret", "not used")


def _groups(groups: Sequence[str]) -> Found:
    small = [g for g in groups if g.startswith("DH ") and int(g.split()[1]) < DH_BITS]
    large = [g for g in groups if g.startswith("DH ") and g not in small]
    unknown = [g for g in groups if not g.startswith("DH ") and g not in GROUPS + OLD_GROUPS]
    if small or unknown:
        return bad("fs_params", f"insufficient: {', '.join((*small, *unknown))}")
    if old := [*large, *(g for g in groups if g in OLD_GROUPS)]:
        return warned("fs_params", f"to be phased out: {', '.join(old)}")
    return good("fs_params", ", ".join(groups))


def _certificates(offer: Offer) -> Iterator[Found]:
    # Loading the library takes longer than all the rest.
    from gmconf.dns.associated import unnamed
    from gmconf.profiles import chain

    if not offer.chain:
        for key in ("cert_trust", "cert_pubkey", "cert_signature", "cert_hostmatch"):
            yield untested(key, "no certificate was seen")
        return
    if offer.trusted is None:
        yield untested("cert_trust", "not known")
    else:
        yield bad("cert_trust", offer.trusted) if offer.trusted else good("cert_trust")
    for key, (status, note) in (("cert_pubkey", chain.keys(offer.chain)), ("cert_signature", chain.signatures(offer.chain))):
        yield warned(key, note) if status == "warning" else bad(key, note) if status == "bad" else good(key, note)
    wrong = unnamed(offer.chain, offer.host)
    yield bad("cert_hostmatch", wrong) if wrong else good("cert_hostmatch")


async def _caa(source: Source, host: str) -> Found:
    """The nearest record set above the name decides (RFC 8659 section 3)."""
    for name in (host, *parents(host)):
        answer = await source.ask(name, "CAA")
        if answer.status == "failed":
            return bad("mail_caa", f"{name}: {answer.note}")
        if answer.values:
            issue = [v for v in answer.values if v.split()[1].lower() == "issue"]
            return good("mail_caa", f"at {name}: {', '.join(answer.values)}") if issue else bad("mail_caa", f"no issue at {name}: {', '.join(answer.values)}")
    return bad("mail_caa", f"none at {host} or above")


async def _dane(source: Source, offer: Offer) -> list[Found]:
    from gmconf.dns.associated import associated

    keys = ("dane_exists", "dane_valid", "dane_rollover")
    if source.signs:
        return [untested(key, source.signs) for key in keys]
    answer = await source.ask(f"_25._tcp.{offer.host}", "TLSA")
    if why := _unusable(answer):
        return [bad("dane_exists", why), *(untested(key, "no TLSA record that counts") for key in keys[1:])]
    shown = of_mail(answer.values)
    said = ", ".join(f"{v[:14]}..." for v in shown)
    matches = [r for r in shown if associated(offer.chain, r, offer.host)]
    usages = [v[0] for v in shown]
    rollover = usages.count("3") > 1 or {"2", "3"} <= set(usages)
    return [
        good("dane_exists", said),
        good("dane_valid") if matches else bad("dane_valid", f"the host shows another certificate than {said}"),
        good("dane_rollover") if rollover else bad("dane_rollover", "one record only: none for the next key"),
    ]


def _unusable(answer: Answer) -> str:
    if answer.status == "failed":
        return f"no answer that can be believed: {answer.note}"
    if not of_mail(answer.values):
        return "no record" if not answer.values else "only usages 0 and 1, which mail does not know"
    return "" if answer.secure else "the record is not signed"
