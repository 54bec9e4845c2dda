"""How rspamd's language (UCL) spells values: true/false, numbers, quoted strings, lists in brackets."""

from __future__ import annotations

import re

from gmconf.errors import GmconfError
from gmconf.settings import Value

# rspamd runs its files through a template engine and expands $variables, inside quotes as well.
_LIVE = re.compile(r"\$|\{[%#={]")
_PLAIN = re.compile(r"true|false|null|[0-9]+(\.[0-9]+)?(ms|s|min|h|d|w|k|kb|m|mb|g|gb)?")


def spell(value: Value) -> str:
    """One value of one line. Raises GmconfError for text that rspamd would not take literally."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        if not value.isprintable() or _LIVE.search(value):
            raise GmconfError(
                f"rspamd would not take {value!r} literally: no $, {{%, {{#, {{=, {{{{ or control characters"
            )
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return f"[{', '.join(spell(item) for item in value)}]"


def literal(text: str) -> Value:
    """What a raw line of site.yml means: a number or word of UCL, else a string.

    Numbers with units are told apart by the dialect ``spell_raw``; everything else is quoted.
    """
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?[0-9]{1,15}", text):
        return int(text)
    if re.fullmatch(r"-?[0-9]{1,12}\.[0-9]{1,6}", text):
        return float(text)
    return text


def spell_raw(value: Value) -> str:
    """Like ``spell``, for names of settings and raw lines: plain words and durations stay unquoted."""
    if isinstance(value, str) and (_PLAIN.fullmatch(value) or re.fullmatch(r"[a-z][a-z0-9_]*", value)):
        return value
    return spell(value)
