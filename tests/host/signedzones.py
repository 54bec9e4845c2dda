"""Zones with signatures of their own, right and spoiled, below the lab's root."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

import dns.dnssec
import dns.name
import dns.rdatatype
import dns.rrset
import dns.transaction
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from dns.dnssectypes import Algorithm

Fault = Literal["manipulated", "outdated"]
DAY = timedelta(days=1)


def signed(name: str, lines: str, faults: Mapping[str, Fault]) -> tuple[str, str]:
    """A zone, signed by one key, as text, and the DS line for its parent; ``faults`` are by type what is wrong with its
    signatures."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = dns.dnssec.make_dnskey(key.public_key(), Algorithm.ECDSAP256SHA256, flags=257)
    head = f"{name}. 5 SOA ns.lab.example. hostmaster.lab.example. 1 60 60 3600 5\n{name}. 5 NS ns.lab.example.\n"
    zone = dns.zone.from_text(head + lines, origin=f"{name}.", relativize=False)
    now = datetime.now(UTC)

    def sign(txn: dns.transaction.Transaction, rrset: dns.rrset.RRset) -> None:
        fault = faults.get(dns.rdatatype.to_text(rrset.rdtype), "")
        end = now - 5 * DAY if fault == "outdated" else now + 5 * DAY
        found = dns.dnssec.sign(
            rrset, key, dns.name.from_text(name), public, inception=now - 10 * DAY, expiration=end, origin=zone.origin
        )
        if fault == "manipulated":
            found = found.replace(signature=bytes([found.signature[0] ^ 1]) + found.signature[1:])
        txn.add(rrset.name, rrset.ttl, found)

    with zone.writer() as txn:
        dns.dnssec.sign_zone(zone, txn, keys=[(key, public)], dnskey_ttl=5, rrset_signer=sign)
    ds = dns.dnssec.make_ds(f"{name}.", public, "SHA256")
    return zone.to_text(relativize=False), f"{name}. 5 DS {ds.to_text()}"
