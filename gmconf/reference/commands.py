"""The commands, as the command line declares them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gmconf.reference.links import code, text


def page(root: Any) -> str:
    """commands.md of a group of commands of typer."""
    lines = ["# Commands", "", text(root.help or ""), "", text(root.epilog or ""), ""]
    for name, command in sorted(_all("gmconf", root)):
        lines += [f"## {name}", ""]
        for part in (command.help or "").split("\n\n"):
            lines += [text(part), ""]
        shown = [row for param in command.params if (row := _row(param))]
        if shown:
            lines += ["| argument or option | default | meaning |", "|---|---|---|", *shown, ""]
        if command.epilog:
            lines += [_examples(command.epilog), ""]
    return "\n".join(lines)


def _all(name: str, group: Any) -> Iterator[tuple[str, Any]]:
    for word, command in group.commands.items():
        if command.hidden:
            continue
        yield f"{name} {word}", command
        if hasattr(command, "commands"):
            yield from _all(f"{name} {word}", command)


def _row(param: Any) -> str:
    if getattr(param, "hidden", False) or not getattr(param, "help", ""):
        return ""
    names = ", ".join([*param.opts, *param.secondary_opts]) if param.param_type_name == "option" else param.metavar
    choices = getattr(param.type_descriptor, "choices", ())
    about = text(param.help) + (f" One of {', '.join(map(str, choices))}." if choices else "")
    return f"| {code(names or param.name)} | {_default(param)} | {about} |"


def _default(param: Any) -> str:
    if param.required:
        return "must be given"
    value = getattr(param.default, "value", param.default)
    if value is None or value is False or callable(value):
        return ""
    return code("yes" if value is True else str(value))


def _examples(epilog: str) -> str:
    _, _, calls = epilog.partition(": ")
    return "\n".join(f"    {call.strip()}" for call in calls.split(";")) if calls else text(epilog)
