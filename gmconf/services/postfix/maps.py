"""Postfix lookup tables: bulk data, sorted, one reason a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address

from gmconf.controls import control
from gmconf.model import Role
from gmconf.services import tls
from gmconf.services.plan import File, View
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


def files(view: View) -> tuple[File, ...]:
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
        File(OWN_CLIENTS, "postfix", control("msa.sender-rights"), lines=lambda: _own_clients(view)),
        *(
            (File(SNI, "postfix", control("tls.cert"), lines=lambda: _server_names(view)),)
            if tls.own_names(view)
            else ()
        ),
        *(
            (File(HANDED, "postfix", control("flt.fail-closed"), lines=lambda: _handed_over(view), shared=True),)
            if trusted(view)
            else ()
        ),
        File(
            f"{FOLDER}/postscreen-access",
            "postfix",
            control("mta.flood-control"),
            lines=lambda: _known(view),
            shared=True,
        ),
    )


def _table(name: str, because: Reason, lines: Callable[[], Iterable[str]], *, shared: bool = True) -> File:
    return File(f"{FOLDER}/{name}", "postfix", because, lines=lines, shared=shared)


def _domains(view: View) -> Iterator[str]:
    for domain in view.mail.hosted:
        yield f"{domain.name} hosted"


def _mirrors(view: View) -> Iterator[str]:
    for domain in view.mail.mirrored:
        yield f"{domain.name} alias of {domain.alias_of}"


def _mailboxes(view: View) -> Iterator[str]:
    for account in view.mail.receiving:
        yield f"{account.login} mailbox"


def _host_aliases(view: View) -> Iterator[str]:
    organisation = view.site.organisation
    for name in ("abuse", "mailer-daemon", "postmaster", "root"):
        target = organisation.abuse if name == "abuse" and organisation.abuse else organisation.postmaster
        yield f"{name}@{view.host.name} {target}"


def _aliases(view: View) -> Iterator[str]:
    for address, targets in view.mail.aliases.items():
        yield f"{address} {', '.join(targets)}"


def _senders(view: View) -> Iterator[str]:
    for address, logins in view.mail.senders.items():
        yield f"{address} {', '.join(logins)}"


def _silent(view: View) -> Iterator[str]:
    for account in view.mail.accounts:
        if not account.send:
            yield (
                f"{account.login} 550 5.7.1 This account"
                f" {'is suspended' if account.suspended else 'only receives mail'}"
            )


def _own(view: View) -> Iterator[str]:
    for domain in sorted(view.site.domains, key=lambda d: d.name):
        yield f"{domain.name} {NOT_OURS}"


def _host_exempt(view: View) -> Iterator[str]:
    yield f"abuse@{view.host.name} OK"
    yield f"postmaster@{view.host.name} OK"
    yield "postmaster OK"


def _exempt(view: View) -> Iterator[str]:
    for domain in view.mail.sending:
        yield f"abuse@{domain.name} OK"
        yield f"postmaster@{domain.name} OK"


def _blocked_senders(view: View) -> Iterator[str]:
    for sender in sorted({block.sender for block in view.site.filter.blocks if block.sender}):
        yield f"{sender} {BLOCKED}"


def _blocked_clients(view: View) -> Iterator[str]:
    for client in sorted({block.client for block in view.site.filter.blocks if block.client}):
        yield f"{client} {BLOCKED}"


def _destinations(view: View) -> Iterator[str]:
    for one in sorted(view.site.tls.destinations, key=lambda d: d.domain):
        yield f"{one.domain} {one.level}{' match=' + ':'.join(one.match) if one.match else ''}"


def _server_names(view: View) -> Iterator[str]:
    """The host's own name too: a client that asks for it is told that it was heard, and the log is not full of
    mismatches."""
    for name in sorted({view.host.name, *tls.own_names(view)}):
        yield f"{name} {tls.FOLDER}/{name}.key, {tls.FOLDER}/{name}.crt"


def _own_clients(view: View) -> Iterator[str]:
    for address in ("127.0.0.0/8", "::1/128", *(f"{a}/{ip_address(a).max_prefixlen}" for a in view.host.addresses)):
        yield f"{address} {SENDMAIL}"


def trusted(view: View) -> tuple[str, ...]:
    """Addresses of this site's hosts that hand mail over to this MTA host."""
    return view.mail.handing_over if view.has(Role.MTA) else ()


def _handed_over(view: View) -> Iterator[str]:
    """What users submitted was judged and signed by their MSA host; other hosts hand over what nobody has looked at
    yet."""
    judged = {a for host in view.hosts(Role.MSA) for a in host.addresses}
    for address in sorted(judged.intersection(trusted(view))):
        yield f"{address}/{ip_address(address).max_prefixlen} DISABLE"


def _known(view: View) -> Iterator[str]:
    yield "127.0.0.0/8 permit"
    yield "::1/128 permit"
    for host in view.site.hosts:
        for address in host.addresses:
            yield f"{address}/{ip_address(address).max_prefixlen} permit"
