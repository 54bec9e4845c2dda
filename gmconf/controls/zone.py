"""DNS: what the records of the site's contract must say, name by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gmconf.controls.case import Claim, DomainCase, HostCase, SiteCase
from gmconf.controls.control import Control, Evidence, Fact
from gmconf.derived import policies as published
from gmconf.derived import spf
from gmconf.derived import tag_lists as taglist
from gmconf.derived.records import Record
from gmconf.model import Role


def at(records: Sequence[Record], owner: str, type_: str) -> list[str]:
    """The rdata of what is to be published at a name; strings of TXT joined, as verifiers read them."""
    return ["".join(r.rdata) for r in records if r.owner == owner and r.type == type_ and r.need != "forbidden"]


def _claim(expected: str, observed: Iterable[str], holds: bool, where: str = "dns") -> Claim:
    return Claim(expected, ", ".join(observed) or "nothing", holds, where)


class MxValid(Control):
    """Every domain that receives has MX records that name hosts with addresses.

    A host name: neither an address, nor an alias, nor localhost. Anything else loses mail with a part of the senders.
    """

    id, level = "dns.mx-valid", "basic"
    sources = ("RFC 5321", "RFC 2181", "internet.nl mail test: MX")
    live = ("mx",)

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Claim]:
        """Targets are hosts of the site, which have addresses."""
        if case.domain.kind == "parked":
            return
        hosts = {f"{h.name}." for h in case.site.hosts if h.addresses}
        if own := case.domain.own_mx:
            hosts = {f"{own}."} if any(r.owner == own and r.type in ("A", "AAAA") for r in case.records) else set()
        found = at(case.records, case.domain.name, "MX")
        targets = {value.partition(" ")[2] for value in found}
        yield _claim(
            f"MX of {case.domain.name} name hosts with addresses", found, bool(targets) and targets <= hosts, "hosts"
        )


class NullMx(Control):
    """Domains that never receive publish a null MX.

    Mail to them fails at once at its sender, instead of after days of trying whatever listens at their address.
    """

    id, level, sources = "dns.null-mx", "basic", ("RFC 7505", "BSI TR-03182-11-M", "internet.nl mail test: null MX")
    live = ("null-mx",)

    @classmethod
    def applies(cls, case: SiteCase) -> str:
        """Only where there are such domains."""
        return "" if any(d.kind == "parked" for d in case.site.domains) else "the site has no parked domain"

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Claim]:
        """It is the only MX."""
        if case.domain.kind == "parked":
            found = at(case.records, case.domain.name, "MX")
            yield _claim(f"{case.domain.name} MX 0 .", found, found == ["0 ."])


class Caa(Control):
    """CAA records say which CA may certify the hosts, for which account.

    Without them every CA of the world may, asked by whoever bends a route for an hour. Names of customers' domains are
    left to them: their web sites have CAs of their own.
    """

    id, level = "dns.caa", "bronze"
    sources = ("RFC 8659", "RFC 8657", "internet.nl mail test: mail_caa", "BSI Grundschutz++ KONF.13.10")
    live = ("caa",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """The site names its CAs, or has its own."""
        named = [i.name for i in case.site.dns.caa]
        yield _claim(
            "dns.caa in site.yml",
            named or [case.site.tls.source],
            bool(named) or case.site.tls.source == "internal-ca",
            "dns.caa",
        )

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Claim]:
        """There is an issue property for the host's name."""
        found = at(case.records, case.host.name, "CAA")
        yield _claim(f"CAA issue for {case.host.name}", found, any(v.startswith("0 issue ") for v in found), "dns.caa")

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Claim]:
        """The same for a domain's own names for the hosts."""
        for name in case.domain.own_names:
            found = at(case.records, name, "CAA")
            yield _claim(f"CAA issue for {name}", found, any(v.startswith("0 issue ") for v in found), "dns.caa")


class TwoNs(Control):
    """Two name servers at least keep the zones.

    When the only one is away, so is the mail.
    """

    id, level, sources = "dns.two-ns", "bronze", ("RFC 1034", "RFC 2182 section 5", "internet.nl mail test: ns_aaaa")
    facts = (Fact("dns.nameservers", least=2),)


class SpfPublish(Control):
    """Every sending domain and every HELO name has one SPF record that lists our hosts and ends in -all or ~all.

    It is made of addresses, so that no look-up of a receiver can fail; only records of other senders
    (``domains[].senders``) are included. Ten look-ups are allowed at most, and such a record that lets everybody send
    counts as a mistake.
    """

    id, level = "auth.spf-publish", "basic"
    sources = (
        "RFC 7208",
        "BSI TR-03182-01-M",
        "BSI IT-Grundschutz APP.5.3.A9",
        "internet.nl mail test: spf_policy",
        "large mailbox providers (2024): SPF for every sender",
    )
    live = ("spf", "helo-spf")

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Claim]:
        """One record, that holds; parked domains have their own control."""
        if case.domain.kind != "parked":
            yield _spf(case.records, case.domain.name)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Claim]:
        """The same for the name in HELO."""
        yield _spf(case.records, case.host.name)


def _spf(records: Sequence[Record], name: str) -> Claim:
    found = [text for text in at(records, name, "TXT") if spf.is_spf(text)]
    read = [spf.parse(text) for text in found]
    good = len(read) == 1 and read[0].end in ("-", "~") and not read[0].wrong and read[0].lookups <= spf.LOOKUPS
    return _claim(
        f"one SPF record of {name}, ending in -all or ~all, with ten look-ups at most",
        found,
        good and not any(m.kind == "ptr" for m in read[0].asking),
    )


class DmarcPublish(Control):
    """Every domain has exactly one DMARC record, with an address for reports.

    Who watches the reports sees forgeries and own mistakes before the policy is made strict.
    """

    id, level = "auth.dmarc-publish", "basic"
    sources = ("RFC 9989", "RFC 7489", "BSI TR-03182-06-M", "large mailbox providers (2024): DMARC for every sender")
    live = ("dmarc",)

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Claim]:
        """p stands directly after v, rua is there, removed tags are not."""
        found = at(case.records, f"_dmarc.{case.domain.name}", "TXT")
        seen = taglist.parse("".join(found[:1]))
        good = (
            len(found) == 1
            and not seen.wrong
            and seen.names[:2] == ["v", "p"]
            and "rua" in seen.tags
            and not {"pct", "rf", "ri"} & set(seen.tags)
        )
        yield _claim(f"one DMARC record of {case.domain.name} with rua", found, good)


class DmarcQuarantine(Control):
    """DMARC asks receivers at least to quarantine what is not ours.

    A policy of none protects nobody; it is for the time of learning.
    """

    id, level, sources = (
        "auth.dmarc-quarantine",
        "bronze",
        ("RFC 9989", "BSI TR-03182-06-M", "internet.nl mail test: dmarc_policy"),
    )

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """The policy of domains that send."""
        policy = published.dmarc_policy(case.site)
        yield _claim(
            "a DMARC policy of quarantine or reject",
            [f"p={policy}"],
            published.strictness(policy) >= 1,
            "dns.dmarc.policy",
        )


class DmarcReject(Control):
    """DMARC asks receivers to reject what is not ours, unless users post to lists.

    Lists change messages and break their signatures; a site whose users post there says so
    (``dns.users_post_to_lists``).
    """

    id, level, sources = "auth.dmarc-reject", "silver", ("RFC 9989 section 7.4", "BSI TR-03182-06-M")

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """The policy of domains that send."""
        policy, lists = published.dmarc_policy(case.site), case.site.dns.users_post_to_lists
        wanted = (
            "a DMARC policy of quarantine or reject, since users post to lists" if lists else "a DMARC policy of reject"
        )
        yield _claim(wanted, [f"p={policy}"], published.strictness(policy) >= (1 if lists else 2), "dns.dmarc.policy")


class DmarcExternal(Control):
    """Whoever gets reports about another domain has allowed it in DNS.

    Without this record reporters send nothing: it keeps others from flooding a stranger with reports. Strict parsers
    want the semicolon that RFC 7489's grammar has after the version.
    """

    id, level, sources = (
        "auth.dmarc-extreport",
        "basic",
        ("RFC 9990", "RFC 7489", "internet.nl mail test: dmarc_policy"),
    )
    live = ("dmarc-reports",)

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Claim]:
        """The record lies in the zone of the address that gets reports, of each there is."""
        for target, zone in case.report_zones.items():
            name = f"{case.domain.name}._report._dmarc.{target}"
            found = at(case.records, name, "TXT")
            if not found and case.zone == zone:
                continue
            yield _claim(f'{name} TXT "v=DMARC1;"', found, found == ["v=DMARC1;"])

    @classmethod
    def unseen(cls, case: SiteCase, hosts: Sequence[HostCase]) -> str:
        """In a domain of others the record is theirs to publish."""
        del hosts
        theirs = [
            t
            for t in published.report_domains(case.site)
            if not any(f".{t}".endswith(f".{d.name}") for d in case.site.domains)
        ]
        return (
            f"whether the keeper of {' and of '.join(theirs)} has published it; gmconf dns check asks" if theirs else ""
        )


class TlsReports(Control):
    """Domains that receive ask for reports about TLS, by mail.

    They tell who could not deliver to us and why, before anybody calls.
    """

    id, level = "tls.rpt", "bronze"
    sources = ("RFC 8460", "BSI TR-03108-10-M", "BSI IT-Grundschutz APP.5.3.A13")
    live = ("tls-reports",)

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Claim]:
        """One record, mailto only."""
        if case.domain.kind != "parked":
            found = at(case.records, f"_smtp._tls.{case.domain.name}", "TXT")
            seen = taglist.parse("".join(found[:1]))
            good = (
                len(found) == 1
                and not seen.wrong
                and seen.tags.get("v") == "TLSRPTv1"
                and seen.tags.get("rua", "").startswith("mailto:")
            )
            yield _claim(f"one TLSRPT record of {case.domain.name} with a mail address", found, good, "dns.tls_reports")


class TlsReportsEval(Control):
    """Reports about TLS are counted regularly, and somebody reads the numbers.

    A certificate or policy that senders refuse costs mail that nobody here sees. ``gmconf reports`` counts them.
    """

    id, level, sources = "tls.rpt-eval", "silver", ("BSI TR-03108-11-R", "RFC 8460")
    evidence = Evidence(
        "how often gmconf reports, or another program, counts the reports, and who reads the numbers", 92
    )


class DaneIn(Control):
    """The hosts that receive publish TLSA records of their keys, in signed zones.

    Senders that know DANE then insist on TLS with exactly these keys; nobody in between can take it away.
    """

    id, level = "dane.in", "silver"
    sources = ("RFC 7672", "RFC 7671", "BSI TR-03108-05-M", "internet.nl mail test: dane_valid")
    on = (Role.MTA,)
    live = ("tlsa", "dane")

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """TLSA is not switched off."""
        on = published.tlsa(case.site)
        yield _claim("dns.tlsa: true", ["true" if on else "false"], on, "dns.tlsa")

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Claim]:
        """At least one record 3 1 1 for port 25."""
        found = at(case.records, f"_25._tcp.{case.host.name}", "TLSA")
        yield _claim(f"TLSA 3 1 1 of {case.host.name}", found, any(v.startswith("3 1 1 ") for v in found), "dns.tlsa")

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Claim]:
        """The same for a name that a domain has for the MX itself."""
        if own := case.domain.own_mx:
            found = at(case.records, f"_25._tcp.{own}", "TLSA")
            yield _claim(f"TLSA 3 1 1 of {own}", found, any(v.startswith("3 1 1 ") for v in found), "dns.tlsa")
