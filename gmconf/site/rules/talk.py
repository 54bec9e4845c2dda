"""Where chat and news may live, and what the site must say about them."""

from __future__ import annotations

from collections.abc import Iterator

from gmconf.model import LOGIN_ROLES, Role, Site

HERE = ("groups", "retention", "article_size")
"""Fields of news that only concern a server of the site's own."""


def misplaced(site: Site) -> Iterator[tuple[str, str]]:
    """(path, sentence) for roles chat and news on the wrong hosts, and for settings that nobody carries out."""
    for role in LOGIN_ROLES:
        holders = [number for number, host in enumerate(site.hosts) if role in host.roles]
        for number in holders:
            if Role.STORE not in site.hosts[number].roles:
                why = (
                    f"{role} asks Dovecot on its own host whether a login is right; give the role to the host with the"
                    " role store"
                )
                yield f"hosts[{number}].roles", why
        if len(holders) > 1:
            yield (
                f"hosts[{holders[1]}].roles",
                f"only one host can have the role {role} in this version; remove it here",
            )
    if site.chat and not _held(site, Role.CHAT):
        yield "chat", "no host has the role chat; add it to the roles of the store, or remove chat"
    yield from _news(site)


def _news(site: Site) -> Iterator[tuple[str, str]]:
    news, hosted = site.news, _held(site, Role.NEWS)
    if hosted and not (news and news.groups):
        number = next(n for n, host in enumerate(site.hosts) if Role.NEWS in host.roles)
        yield (
            f"hosts[{number}].roles",
            "a news server without a group is of no use; name groups in news.groups, or remove the role news",
        )
    if news is None:
        return
    if hosted and news.host:
        yield "news.host", f"news is hosted here (role news) and by {news.host} at once; remove news.host, or the role"
    if hosted and not news.host and "port" in news.model_fields_set:
        yield "news.port", "a hosted news server has the ports 563 and 119; remove port"
    if not hosted and not news.host:
        yield "news", "name an external server in news.host, or give the role news to the store and name groups"
    if not hosted and news.host:
        for field in HERE:
            if field in news.model_fields_set:
                yield (
                    f"news.{field}",
                    f"{field} is decided by {news.host}; remove it, or host news here with the role news",
                )
    first: dict[str, int] = {}
    for number, group in enumerate(news.groups):
        if group.name in first:
            yield f"news.groups[{number}].name", f"{group.name} is already news.groups[{first[group.name]}]; keep one"
        first.setdefault(group.name, number)


def _held(site: Site, role: Role) -> bool:
    return any(role in host.roles for host in site.hosts)
