"""internet.nl's mail test as data: each subtest, what it is worth, and how bad it can be.

Seen in its program (internetstandards/Internet.nl, commit cec0e01, checks/scoring.py and checks/categories.py);
``source`` is the row of that reading.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

Status = Literal["good", "not tested", "notice", "warning", "bad", "error"]
STATUSES: tuple[Status, ...] = get_args(Status)
"""From best to worst; that test calls them passed, not-tested, info, warning, failed, error."""
Category = Literal["IPv6", "DNSSEC", "auth", "TLS", "RPKI"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
MOST_HOSTS = 10
"""MX that are looked at, the first by name."""
LESS = 2
"""Points of what is there but not as it should be."""


class Rule(NamedTuple):
    """One subtest. Its points count only where it can be bad; what is only a notice or a warning costs nothing."""

    category: Category
    key: str
    """As in that test's own reports."""
    title: str
    points: int
    """The most it can bring; 0: it is told, and not counted."""
    worst: Status
    source: str


RULES: tuple[Rule, ...] = (
    Rule("IPv6", "ns_aaaa", "two name servers with IPv6", 0, "bad", "3.2 ns_aaaa"),
    Rule("IPv6", "ns_reach", "the name servers answer over IPv6", 10, "bad", "3.2 ns_reach"),
    Rule("IPv6", "mx_aaaa", "every MX has an IPv6 address", 0, "bad", "3.2 mx_aaaa"),
    Rule("IPv6", "mx_reach", "every MX takes connections over IPv6", 10, "bad", "3.2 mx_reach"),
    Rule("DNSSEC", "dnssec_exists", "the domain's zone is signed", 0, "bad", "3.2 dnssec_exists"),
    Rule("DNSSEC", "dnssec_valid", "its chain of trust holds", 10, "bad", "3.2 dnssec_valid"),
    Rule("DNSSEC", "dnssec_mx_exists", "the zone of every MX is signed", 0, "bad", "3.2 dnssec_mx_exists"),
    Rule("DNSSEC", "dnssec_mx_valid", "their chains of trust hold", 0, "bad", "3.2 dnssec_mx_valid"),
    Rule("auth", "dmarc", "one DMARC record", 10, "bad", "3.2 dmarc"),
    Rule("auth", "dmarc_policy", "DMARC quarantines or rejects", 10, "bad", "3.2 dmarc_policy"),
    Rule("auth", "dkim", "there are names for DKIM keys", 10, "bad", "3.2 dkim"),
    Rule("auth", "spf", "one SPF record", 10, "bad", "3.2 spf"),
    Rule("auth", "spf_policy", "SPF ends in -all or ~all, within ten look-ups", 10, "bad", "3.2 spf_policy"),
    Rule("TLS", "starttls_exists", "STARTTLS is offered", 10, "bad", "3.2 starttls_exists"),
    Rule("TLS", "fs_params", "sufficient curves and no Diffie-Hellman groups", 10, "bad", "3.2 fs_params"),
    Rule("TLS", "tls_ciphers", "sufficient ciphers only", 10, "bad", "3.2 tls_ciphers, 3.4"),
    Rule(
        "TLS", "tls_cipher_order", "sufficient ciphers before those to be phased out", 10, "bad", "3.2 tls_cipher_order"
    ),
    Rule("TLS", "tls_version", "TLS 1.2 and 1.3 only", 10, "bad", "3.2 tls_version"),
    Rule("TLS", "tls_compression", "no compression", 10, "bad", "3.2 tls_compression"),
    Rule("TLS", "renegotiation_secure", "secure renegotiation (RFC 5746)", 10, "bad", "3.2 renegotiation_secure"),
    Rule("TLS", "renegotiation_client", "no renegotiation by clients", 0, "notice", "3.2 renegotiation_client"),
    Rule("TLS", "cert_trust", "a certificate of a public authority", 0, "notice", "3.2 cert_trust"),
    Rule("TLS", "cert_pubkey", "strong keys in the certificates", 10, "bad", "3.2 cert_pubkey"),
    Rule("TLS", "cert_signature", "certificates signed with SHA-256 or better", 10, "bad", "3.2 cert_signature"),
    Rule("TLS", "cert_hostmatch", "the certificate names the MX", 0, "notice", "3.2 cert_hostmatch"),
    Rule("TLS", "mail_caa", "CAA says who may certify the MX", 0, "warning", "3.2 mail_caa"),
    Rule("TLS", "dane_exists", "a TLSA record of usage 2 or 3 in a signed zone", 10, "bad", "3.2 dane_exists"),
    Rule("TLS", "dane_valid", "TLSA names what the host shows", 10, "bad", "3.2 dane_valid"),
    Rule("TLS", "dane_rollover", "TLSA for the next key too", 0, "notice", "3.2 dane_rollover"),
    Rule("TLS", "zero_rtt", "no early data", 10, "bad", "3.2 zero_rtt"),
    Rule("TLS", "kex_hash_func", "no SHA-1 in the key exchange", 10, "bad", "3.2 kex_hash_func"),
    Rule("TLS", "extended_master_secret", "extended master secret (RFC 7627)", 10, "bad", "3.2 extended_master_secret"),
    Rule("RPKI", "mail_rpki_exists", "route origins of the MX are authorised", 5, "bad", "3.2 RPKI"),
    Rule("RPKI", "mail_rpki_valid", "and announced as authorised", 10, "bad", "3.2 RPKI"),
    Rule("RPKI", "ns_rpki_exists", "the same of the name servers", 5, "bad", "3.2 RPKI"),
    Rule("RPKI", "ns_rpki_valid", "and announced as authorised", 10, "bad", "3.2 RPKI"),
    Rule("RPKI", "mail_mx_ns_rpki_exists", "the same of the name servers of the MX", 5, "bad", "3.2 RPKI"),
    Rule("RPKI", "mail_mx_ns_rpki_valid", "and announced as authorised", 10, "bad", "3.2 RPKI"),
)
RULE: dict[str, Rule] = {rule.key: rule for rule in RULES}
