"""A survey for people: what does not hold, then what to publish and to remove, ready to paste."""

from __future__ import annotations

from collections.abc import Iterator

from gmconf.dns.live.survey import Survey
from gmconf.model.levels import up_to


def lines(found: Survey, level: str | None) -> Iterator[str]:
    """Findings by subject; those above the level are marked as recommended."""
    reach = up_to(level or "basic")
    subject = ""
    for row in found.results:
        if row.status == "pass":
            continue
        if row.subject != subject:
            subject = row.subject
            yield subject
        mark = (
            ", waived" if row.status == "waived" else "" if row.level in reach else f", recommended from {row.level} on"
        )
        yield f"    {row.where} ({row.control}{mark})"
        yield f"        wanted: {row.expected}"
        yield f"        found:  {row.observed}"
    if found.publish:
        yield "; to publish"
        yield from found.publish
    if found.remove:
        yield "; to remove"
        yield from (f"; {text}" for text in found.remove)
    counted = [r for r in found.results if r.status in ("fail", "error")]
    needed = [r for r in counted if r.level in reach]
    shown = f", {found.shown} answers of servers" if found.shown else ""
    yield (
        f"{found.sets} record sets looked at{shown}, {found.asked} questions asked: {len(needed)} findings,"
        f" {len(counted) - len(needed)} recommendations"
    )
