"""Bulk data of rspamd: who may send as whom, limits, our domains, signing keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from gmconf.controls import control
from gmconf.dialects.ucl import spell
from gmconf.services.plan import File, View
from gmconf.services.rspamd.guard import LAST

FOLDER = "/etc/rspamd/local.d/maps.d"
KEYS = "/etc/gmconf/dkim"
KINDS = ("rsa", "ed25519")


def files(view: View) -> list[File]:
    """The maps, one fact a line, sorted; keys hold no blanks or #, as the model sees to."""

    def file(name: str, reason: str, lines: Callable[[], Iterable[str]]) -> File:
        return File(f"{FOLDER}/{name}", "rspamd", control(reason), lines=lines, shared=True)

    def map_(name: str, reason: str, lines: Callable[[], Iterable[str]], value: str = "") -> File:
        return file(name, reason, lambda: chain(lines(), (f"{LAST} {value}".rstrip(),)))

    return [
        map_("senders.map", "msa.sender-rights", lambda: _senders(view), "-"),
        map_("limits.map", "out.ratelimit", lambda: _limits(view), "0"),
        map_("domains.map", "auth.no-spoof", lambda: sorted(d.name for d in view.site.domains)),
        map_(
            "signing.map",
            "auth.dkim-sign",
            lambda: [f"{d.name} {d.dkim.selector}-{KINDS[0]}" for d in view.mail.sending],
            "-",
        ),
        map_(
            "hosts.map",
            "auth.ar-header",
            lambda: sorted({h.name for h in view.site.hosts} | {n for d in view.site.domains for n in d.own_names}),
        ),
        map_("networks.map", "msa.service-accounts", lambda: _networks(view), "-"),
        map_("suspended.map", "prc.abuse-stop", lambda: [a.login for a in view.mail.accounts if a.suspended]),
        file("dkim-domains.conf", "auth.dkim-sign", lambda: _keys(view)),
    ]


def _senders(view: View) -> Iterator[str]:
    for address, logins in view.mail.senders.items():
        yield f"{address} {','.join(logins)}"


def _limits(view: View) -> Iterator[str]:
    default = view.site.limits.messages_per_hour
    for account in view.mail.accounts:
        if account.messages_per_hour != default:
            yield f"{account.login} {account.messages_per_hour}"


def _networks(view: View) -> Iterator[str]:
    for account in sorted(view.site.service_accounts, key=lambda a: a.login):
        if account.networks:
            yield f"{account.login} {','.join(account.networks)}"


def _keys(view: View) -> Iterator[str]:
    for domain in view.mail.sending:
        pairs = []
        for kind in KINDS:
            selector = f"{domain.dkim.selector}-{kind}"
            pairs.append(f"{{ selector = {spell(selector)}; path = {spell(f'{KEYS}/{domain.name}.{selector}.key')}; }}")
        yield f"{spell(domain.name)} {{ selectors [ {', '.join(pairs)} ] }}"
