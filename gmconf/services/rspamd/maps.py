"""Bulk data of rspamd: who may send as whom, limits, our domains, signing keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from gmconf.controls import control
from gmconf.dialects.ucl import spell
from gmconf.services.plan import LineFile, Rows, Source, View
from gmconf.services.rspamd.guard import LAST

FOLDER = "/etc/rspamd/local.d/maps.d"
KEYS = "/etc/gmconf/dkim"
KINDS = ("rsa", "ed25519")
Pairs = Callable[[], Iterable[tuple[str, Source]]]


def files(view: View) -> list[LineFile]:
    """The maps, one fact a line, sorted; keys hold no blanks or #, as the model sees to."""

    def file(name: str, reason: str, pairs: Pairs) -> LineFile:
        return LineFile(f"{FOLDER}/{name}", "rspamd", control(reason), lines=Rows(pairs), shared=True)

    def map_(name: str, reason: str, pairs: Pairs, value: str = "") -> LineFile:
        return file(name, reason, lambda: chain(pairs(), ((f"{LAST} {value}".rstrip(), ()),)))

    return [
        map_("senders.map", "msa.sender-rights", lambda: _senders(view), "-"),
        map_("limits.map", "out.ratelimit", lambda: _limits(view), "0"),
        map_("domains.map", "auth.no-spoof", lambda: sorted(view.mail.places.items())),
        map_(
            "signing.map",
            "auth.dkim-sign",
            lambda: [
                (f"{d.name} {d.dkim.selector}-{KINDS[0]}", f"{view.mail.places[d.name]}.dkim.selector")
                for d in view.mail.sending
            ],
            "-",
        ),
        map_("hosts.map", "auth.ar-header", lambda: _names(view)),
        map_("networks.map", "msa.service-accounts", lambda: _networks(view), "-"),
        map_(
            "suspended.map", "prc.abuse-stop", lambda: [(a.login, a.login) for a in view.mail.accounts if a.suspended]
        ),
        file("dkim-domains.conf", "auth.dkim-sign", lambda: _keys(view)),
    ]


def _senders(view: View) -> Iterator[tuple[str, Source]]:
    for address, logins in view.mail.senders.items():
        yield f"{address} {','.join(logins)}", (address, *logins)


def _limits(view: View) -> Iterator[tuple[str, Source]]:
    default = view.site.limits.messages_per_hour
    for account in view.mail.accounts:
        if account.messages_per_hour != default:
            yield f"{account.login} {account.messages_per_hour}", account.login


def _names(view: View) -> list[tuple[str, Source]]:
    """Names of hosts, and those that domains have for them."""
    found: dict[str, Source] = {n: view.mail.places[d.name] for d in view.site.domains for n in d.own_names}
    return sorted((found | {host.name: f"hosts[{n}].name" for n, host in enumerate(view.site.hosts)}).items())


def _networks(view: View) -> Iterator[tuple[str, Source]]:
    for account in sorted(view.site.service_accounts, key=lambda a: a.login):
        if account.networks:
            yield f"{account.login} {','.join(account.networks)}", account.login


def _keys(view: View) -> Iterator[tuple[str, Source]]:
    for domain in view.mail.sending:
        pairs = []
        for kind in KINDS:
            selector = f"{domain.dkim.selector}-{kind}"
            pairs.append(f"{{ selector = {spell(selector)}; path = {spell(f'{KEYS}/{domain.name}.{selector}.key')}; }}")
        text = f"{spell(domain.name)} {{ selectors [ {', '.join(pairs)} ] }}"
        yield text, f"{view.mail.places[domain.name]}.dkim.selector"
