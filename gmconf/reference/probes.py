"""The probes of gmconf verify."""

from __future__ import annotations

from gmconf.reference.links import control, text
from gmconf.verify.engine import PROBES


def page() -> str:
    """probes.md."""
    lines = ["# Probes", "", f"`gmconf verify` has {len(PROBES)} probes; `--only NAME` runs one.", ""]
    for probe in sorted(PROBES.values(), key=lambda p: p.name):
        lines += [f"## {probe.name}", "", f"{text(probe.title)}.", "", text(probe.harmless), ""]
        lines.append("- Looks at the host over ssh." if probe.inside else "- Asks from outside.")
        if probe.login:
            lines.append("- Needs the probe account (`--login`).")
        if probe.proves:
            lines.append(f"- Shows: {', '.join(control(id_, '') for id_ in sorted(probe.proves))}")
        lines.append("")
    return "\n".join(lines)
