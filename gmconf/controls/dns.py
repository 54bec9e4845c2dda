"""DNS: records, names that fit, a resolver that validates, and evidence of the zone's keeper."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import DomainCase, HostCase, SiteCase
from gmconf.controls.control import Control, Evidence, Fact
from gmconf.controls.expect import SECOND, AtLeast, Model
from gmconf.controls.files import KNOT, MAIN, NFT, OPTIONS, RESOLV, UNBOUND
from gmconf.controls.records import at, claim
from gmconf.controls.result import Observation
from gmconf.derived import tag_lists as taglist
from gmconf.derived.zones import reverse_name
from gmconf.model import Role
from gmconf.model.networks import private


class MxValid(Control):
    """Every domain that receives has MX records that name hosts with addresses.

    A host name: neither an address, nor an alias, nor localhost. Anything else loses mail with a part of the senders.
    """

    id, level = "dns.mx-valid", "basic"
    sources = ("RFC 5321", "RFC 2181", "internet.nl mail test: MX")
    live = ("mx",)

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """Targets are hosts of the site, which have addresses."""
        if case.domain.kind == "parked":
            return
        hosts = {f"{h.name}." for h in case.site.hosts if h.addresses}
        if own := case.domain.own_mx:
            hosts = {f"{own}."} if any(r.owner == own and r.type in ("A", "AAAA") for r in case.records) else set()
        found = at(case.records, case.domain.name, "MX")
        targets = {value.partition(" ")[2] for value in found}
        yield claim(
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
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """It is the only MX."""
        if case.domain.kind == "parked":
            found = at(case.records, case.domain.name, "MX")
            yield claim(f"{case.domain.name} MX 0 .", found, found == ["0 ."])


class Caa(Control):
    """CAA records say which CA may certify the hosts, for which account.

    Without them every CA of the world may, asked by whoever bends a route for an hour. Names of customers' domains are
    left to them: their web sites have CAs of their own.
    """

    id, level = "dns.caa", "bronze"
    sources = ("RFC 8659", "RFC 8657", "internet.nl mail test: mail_caa", "BSI Grundschutz++ KONF.13.10")
    live = ("caa",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """The site names its CAs, or has its own."""
        named = [i.name for i in case.site.dns.caa]
        yield claim(
            "dns.caa in site.yml",
            named or [case.site.tls.source],
            bool(named) or case.site.tls.source == "internal-ca",
            "dns.caa",
        )

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """There is an issue property for the host's name."""
        found = at(case.records, case.host.name, "CAA")
        yield claim(f"CAA issue for {case.host.name}", found, any(v.startswith("0 issue ") for v in found), "dns.caa")

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """The same for a domain's own names for the hosts."""
        for name in case.domain.own_names:
            found = at(case.records, name, "CAA")
            yield claim(f"CAA issue for {name}", found, any(v.startswith("0 issue ") for v in found), "dns.caa")


class TwoNs(Control):
    """Two name servers at least keep the zones.

    When the only one is away, so is the mail.
    """

    id, level, sources = "dns.two-ns", "bronze", ("RFC 1034", "RFC 2182 section 5", "internet.nl mail test: ns_aaaa")
    facts = (Fact("dns.nameservers", least=2),)


class Fcrdns(Control):
    """Address, reverse name and HELO agree for every sending address.

    Large receivers refuse mail where they do not, over IPv6 always.
    """

    id, level, sources = (
        "dns.fcrdns",
        "basic",
        ("F:11", "F:79b", "RFC 1912", "BSI TR-03182", "large mailbox providers (2024): forward-confirmed reverse DNS"),
    )
    settings: ClassVar = {MAIN: {"myhostname": Model(lambda c: c.host.name, "the host's name")}}
    live = ("fcrdns",)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """The zones give every address of the host its name, and the name every address; in the Internet's DNS these
        are no private ones."""
        closed = bool(case.site.resolver.trust_anchors) or set(case.host.roles) == {Role.FILTER}
        for address in case.host.outside:
            if private(address) and not closed:
                yield Observation(
                    f"addresses of {case.host.name} that the world reaches",
                    f"{address}, which is private",
                    holds=False,
                    where=f"hosts {case.host.name}",
                    remedy="name the address that others see in hosts[].public_addresses",
                )
            there = at(case.records, case.host.name, "AAAA" if ":" in address else "A")
            back = at(case.records, reverse_name(address), "PTR")
            holds = address in there and back == [f"{case.host.name}."]
            yield Observation(
                f"{case.host.name} and {address} name each other",
                ", ".join((*there, *back)) or "nothing",
                holds,
                "hosts",
            )


class ValidatingResolver(Control):
    """Every component asks a resolver on its own host that validates DNSSEC.

    DANE, SPF and DKIM are worth as much as the answers they rest on; a resolver elsewhere cannot be believed.
    """

    id, level = "dns.validating-resolver", "basic"
    sources = (
        "D:encryption",
        "BSI TR-03108-04-M",
        "BSI TR-03108-06-M",
        "BSI TR-03182-02-M",
        "BSI TR-03182-05-M",
        "BSI TR-03182-07-M",
    )
    settings: ClassVar = {
        NFT: {"dns_user": "unbound"},
        UNBOUND: {
            "interfaces[0].address": "127.0.0.1",
            "interfaces[1].address": SECOND,
            "port": 53,
            "modules": "validator iterator",
            "prefetch_key": True,
            "auto_anchor": Model(
                lambda c: "" if c.site.resolver.trust_anchors else "/var/lib/unbound/root.key",
                "the root's key, unless the site names anchors",
            ),
            "anchors[*].anchor": Model(lambda c: list(c.site.resolver.trust_anchors), "resolver.trust_anchors"),
            "val_permissive": False,
        },
        RESOLV: {"nameservers[0].address": "127.0.0.1", "nameservers[1].address": SECOND},
        OPTIONS: {"nameserver": ["127.0.0.1"], "dnssec": True, "timeout": 1.5},
        MAIN: {"smtp_dns_support_level": "dnssec"},
    }
    files = (UNBOUND, RESOLV)
    live = ("resolver",)


class Srv(Control):
    """SRV records tell mail programs where submission and access are, with TLS first.

    The original page asked for SRV records; its list is lost. What is not offered is published as such.
    """

    id, level, sources = "dns.srv", "basic", ("G:43", "RFC 6186", "RFC 8314", "BSI TR-03108-01-M")
    documents = ("client-setup",)
    live = ("srv",)

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """Submission and access of every domain, TLS from the first byte before STARTTLS."""
        if case.domain.kind == "parked":
            return
        for service, other in (("submissions", "submission"), ("imaps", "imap"), ("pop3s", "pop3")):
            first, second = (at(case.records, f"_{name}._tcp.{case.domain.name}", "SRV") for name in (service, other))
            least = min((int(v.split()[0]) for v in second if not v.endswith(" .")), default=65536)
            holds = bool(first and second) and all(int(v.split()[0]) < least for v in first)
            yield Observation(
                f"_{service}._tcp.{case.domain.name} before _{other}",
                ", ".join((*first, *second)) or "nothing",
                holds,
                "dns",
            )


class Dnssec(Control):
    """The zones of all mail domains and of all mail hosts are signed.

    Without it nothing that is published about TLS or senders can be relied on.
    """

    id, level, sources = (
        "dns.dnssec",
        "bronze",
        ("D:encryption", "BSI TR-03108-05-M", "internet.nl mail test: DNSSEC", "BSI Grundschutz++ KONF.13.10"),
    )
    settings: ClassVar = {
        KNOT: {
            "zone.signing": True,
            "zone.policy": "site",
            "policy.algorithm": "ecdsap256sha256",
            "policy.signatures": AtLeast(1209600),
            "policy.refresh": AtLeast(604800),
        }
    }
    evidence = Evidence("a validated look-up of every zone, and the alarm for signatures that end", 184)
    live = ("dnssec",)


class NoStale(Control):
    """Records that nothing uses any more are removed.

    A name left behind points to whoever has the address next.
    """

    id, level, sources = "dns.no-stale", "basic", ("F:79a",)
    evidence = Evidence("the last comparison of the zones with this site", 366)
    live = ("stale",)


class Views(Control):
    """Internal and external views of a zone do not contradict each other in what concerns mail.

    A host that sees another MX than the world sends mail astray.
    """

    id, level, sources = "dns.views", "basic", ("F:79b",)
    evidence = Evidence("that there is one view only, or the comparison of both", 366)


class Sync(Control):
    """All name servers of a zone answer, and answer alike.

    One that lags behind sends a part of the mail to where it used to go.
    """

    id, level, sources = "dns.sync", "bronze", ("F:79c",)
    evidence = Evidence("the monitoring of the zones' serial numbers on every name server", 184)


class Parked(Control):
    """Domains that neither send nor receive say so: null MX, SPF -all, DMARC reject.

    Otherwise their good name is for anybody to use.
    """

    id, level, sources = (
        "dns.parked",
        "basic",
        ("RFC 7505", "BSI TR-03182-11-M", "internet.nl mail test: domains that do not send"),
    )
    documents = ("client-setup",)
    live = ("parked",)

    @classmethod
    def applies(cls, case: SiteCase) -> str:
        """Only where there are such domains."""
        return "" if any(d.kind == "parked" for d in case.site.domains) else "the site has no parked domain"

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """No address, and SPF for it and all below, an empty DKIM key, DMARC reject."""
        name = case.domain.name
        if case.domain.kind != "parked":
            return
        names = [a.login for a in case.mail.listed if a.domain == name]
        yield Observation(f"no address in {name}", ", ".join(names) or "none", not names, "domains")
        for owner, wanted in (
            (name, "v=spf1 -all"),
            (f"*.{name}", "v=spf1 -all"),
            (f"*._domainkey.{name}", "v=DKIM1; p="),
        ):
            found = at(case.records, owner, "TXT")
            yield Observation(f'{owner} TXT "{wanted}"', ", ".join(found) or "nothing", found == [wanted], "dns")
        found = at(case.records, f"_dmarc.{name}", "TXT")
        yield Observation(
            f"DMARC reject for {name}",
            ", ".join(found) or "nothing",
            [(r.tags.get("p"), r.wrong) for r in map(taglist.parse, found)] == [("reject", "")],
            "dns",
        )
