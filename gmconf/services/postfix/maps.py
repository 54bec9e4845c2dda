"""Postfix lookup tables: bulk data, sorted, one reason a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address

from gmconf.controls import control
from gmconf.model import Role
from gmconf.services import tls
from gmconf.services.plan import LineFile, Rows, Source, View
from gmconf.settings import Reason, need

FOLDER = "/etc/postfix/maps"
COMPILED = (
    "domains",
    "alias-domains",
    "mailboxes",
    "host-aliases",
    "aliases",
    "senders",
    "receive-only",
    "own-domains",
    "host-exempt",
    "exempt",
    "blocked-senders",
    "tls-destinations",
)
SNI = f"{FOLDER}/server-names"
"""Which key and certificate go with which name. Only their places stand here: Postfix reads the files when it opens the
table."""
HANDED = f"{FOLDER}/handed-over"
OWN_CLIENTS = f"{FOLDER}/own-clients"
BLOCKED = "550 5.7.1 Refused by a decision of this site; postmaster knows why"
SENDMAIL = "550 5.7.1 Programs of this host hand mail in by sendmail, as a user whom authorized_submit_users names"
NOT_OURS = "550 5.7.1 Senders of this domain submit with authentication on port 465 or 587"


def files(view: View) -> tuple[LineFile, ...]:
    """All tables of a host that receives or submits mail."""
    return (
        _table("domains", need("postfix", "domains with mailboxes here"), lambda: _domains(view)),
        _table("alias-domains", need("postfix", "domains whose addresses lead elsewhere"), lambda: _mirrors(view)),
        _table("mailboxes", control("mta.recipient-validation"), lambda: _mailboxes(view)),
        _table("host-aliases", control("role.postmaster"), lambda: _host_aliases(view), shared=False),
        _table("aliases", control("mta.recipient-validation"), lambda: _aliases(view)),
        _table("senders", control("msa.sender-rights"), lambda: _senders(view)),
        *((_table("receive-only", control("msa.sender-rights"), lambda: _silent(view)),) if view.has(Role.MSA) else ()),
        _table("own-domains", control("auth.no-spoof"), lambda: _own(view)),
        _table("host-exempt", control("role.postmaster"), lambda: _host_exempt(view), shared=False),
        _table("exempt", control("role.postmaster"), lambda: _exempt(view)),
        _table("blocked-senders", control("mta.blocklist"), lambda: _blocked_senders(view)),
        _table(
            "tls-destinations",
            need("postfix", "how TLS must be where it is agreed with the receiver"),
            lambda: _destinations(view),
        ),
        _table("blocked-clients", control("mta.blocklist"), lambda: _blocked_clients(view)),
        LineFile(OWN_CLIENTS, "postfix", control("msa.sender-rights"), lines=Rows(lambda: _own_clients(view))),
        *(
            (LineFile(SNI, "postfix", control("tls.cert"), lines=Rows(lambda: _server_names(view))),)
            if tls.own_names(view)
            else ()
        ),
        *(
            (
                LineFile(
                    HANDED, "postfix", control("flt.fail-closed"), lines=Rows(lambda: _handed_over(view)), shared=True
                ),
            )
            if trusted(view)
            else ()
        ),
        LineFile(
            f"{FOLDER}/postscreen-access",
            "postfix",
            control("mta.flood-control"),
            lines=Rows(lambda: _known(view)),
            shared=True,
        ),
    )


def _table(
    name: str, because: Reason, pairs: Callable[[], Iterable[tuple[str, Source]]], *, shared: bool = True
) -> LineFile:
    return LineFile(f"{FOLDER}/{name}", "postfix", because, lines=Rows(pairs), shared=shared)


def _domains(view: View) -> Iterator[tuple[str, Source]]:
    for domain in view.mail.hosted:
        yield f"{domain.name} hosted", view.mail.places[domain.name]


def _mirrors(view: View) -> Iterator[tuple[str, Source]]:
    for domain in view.mail.mirrored:
        yield f"{domain.name} alias of {domain.alias_of}", f"{view.mail.places[domain.name]}.alias_of"


def _mailboxes(view: View) -> Iterator[tuple[str, Source]]:
    for account in view.mail.receiving:
        yield f"{account.login} mailbox", account.login


def _host_aliases(view: View) -> Iterator[tuple[str, Source]]:
    organisation = view.site.organisation
    for name in ("abuse", "mailer-daemon", "postmaster", "root"):
        own = name == "abuse" and organisation.abuse
        target = own or organisation.postmaster
        yield f"{name}@{view.host.name} {target}", f"organisation.{'abuse' if own else 'postmaster'}"


def _aliases(view: View) -> Iterator[tuple[str, Source]]:
    for address, targets in view.mail.aliases.items():
        yield f"{address} {', '.join(targets)}", address


def _senders(view: View) -> Iterator[tuple[str, Source]]:
    for address, logins in view.mail.senders.items():
        yield f"{address} {', '.join(logins)}", (address, *logins)


def _silent(view: View) -> Iterator[tuple[str, Source]]:
    for account in view.mail.accounts:
        if not account.send:
            why = "is suspended" if account.suspended else "only receives mail"
            yield f"{account.login} 550 5.7.1 This account {why}", account.login


def _own(view: View) -> Iterator[tuple[str, Source]]:
    for domain in sorted(view.site.domains, key=lambda d: d.name):
        yield f"{domain.name} {NOT_OURS}", view.mail.places[domain.name]


def _host_exempt(view: View) -> Iterator[tuple[str, Source]]:
    place = f"hosts[{view.site.hosts.index(view.host)}]"
    yield f"abuse@{view.host.name} OK", place
    yield f"postmaster@{view.host.name} OK", place
    yield "postmaster OK", ()


def _exempt(view: View) -> Iterator[tuple[str, Source]]:
    for domain in view.mail.sending:
        yield f"abuse@{domain.name} OK", view.mail.places[domain.name]
        yield f"postmaster@{domain.name} OK", view.mail.places[domain.name]


def _blocked_senders(view: View) -> Iterator[tuple[str, Source]]:
    for sender, places in _blocked(view, "sender"):
        yield f"{sender} {BLOCKED}", places


def _blocked_clients(view: View) -> Iterator[tuple[str, Source]]:
    for client, places in _blocked(view, "client"):
        yield f"{client} {BLOCKED}", places


def _blocked(view: View, field: str) -> list[tuple[str, tuple[str, ...]]]:
    """Who is refused, sorted, and where the site says so."""
    found: dict[str, list[str]] = {}
    for number, block in enumerate(view.site.filter.blocks):
        if named := getattr(block, field):
            found.setdefault(named, []).append(f"filter.blocks[{number}]")
    return sorted((named, tuple(places)) for named, places in found.items())


def _destinations(view: View) -> Iterator[tuple[str, Source]]:
    for number, one in sorted(enumerate(view.site.tls.destinations), key=lambda pair: pair[1].domain):
        match = f" match={':'.join(one.match)}" if one.match else ""
        yield f"{one.domain} {one.level}{match}", f"tls.destinations[{number}]"


def _server_names(view: View) -> Iterator[tuple[str, Source]]:
    """The host's own name too: a client that asks for it is told that it was heard, and the log is not full of
    mismatches."""
    own = {name: why.text.removesuffix(" (default)") for name, why in tls.own_names(view).items()}
    for name, place in sorted((own | {view.host.name: f"hosts[{view.site.hosts.index(view.host)}].name"}).items()):
        yield f"{name} {tls.FOLDER}/{name}.key, {tls.FOLDER}/{name}.crt", place


def _own_clients(view: View) -> Iterator[tuple[str, Source]]:
    place = f"hosts[{view.site.hosts.index(view.host)}].addresses"
    for address in ("127.0.0.0/8", "::1/128"):
        yield f"{address} {SENDMAIL}", ()
    for number, address in enumerate(view.host.addresses):
        yield f"{address}/{ip_address(address).max_prefixlen} {SENDMAIL}", f"{place}[{number}]"


def trusted(view: View) -> tuple[str, ...]:
    """Addresses of this site's hosts that hand mail over to this MTA host."""
    return view.mail.handing_over if view.has(Role.MTA) else ()


def _handed_over(view: View) -> Iterator[tuple[str, Source]]:
    """What users submitted was judged and signed by their MSA host; other hosts hand over what nobody has looked at
    yet."""
    handing = set(trusted(view))
    judged = {
        address: f"hosts[{number}].addresses[{place}]"
        for number, host in enumerate(view.site.hosts)
        if Role.MSA in host.roles
        for place, address in enumerate(host.addresses)
        if address in handing
    }
    for address, where in sorted(judged.items()):
        yield f"{address}/{ip_address(address).max_prefixlen} DISABLE", where


def _known(view: View) -> Iterator[tuple[str, Source]]:
    yield "127.0.0.0/8 permit", ()
    yield "::1/128 permit", ()
    for number, host in enumerate(view.site.hosts):
        for place, address in enumerate(host.addresses):
            yield f"{address}/{ip_address(address).max_prefixlen} permit", f"hosts[{number}].addresses[{place}]"
