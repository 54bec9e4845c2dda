"""Tests of others (--profile): what check and verify print of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gmconf.errors import GmconfError
from gmconf.printable import form

if TYPE_CHECKING:
    from pathlib import Path

    from gmconf.controls.result import Result
    from gmconf.profiles.score import Score
    from gmconf.site.load import Loaded


class Profile(StrEnum):
    """Whose test."""

    internet_nl = "internet.nl"
    bsi_tr = "bsi-tr"


Chosen = Annotated[
    Profile | None,
    typer.Option(
        "--profile",
        help=(
            "Instead of the controls, internet.nl's mail test with its points, or the clauses of BSI TR-03108 and"
            " TR-03182."
        ),
    ),
]


def needed(profile: Profile | None) -> bool | Literal["public"]:
    """The keys that a command has to find: internet.nl's test looks at public halves only, and needs no vault."""
    return "public" if profile is Profile.internet_nl else True


def check(loaded: Loaded, profile: Profile, output: str, today: date) -> bool:
    """Judge what is rendered and published; prints, and says whether it holds."""
    no_pages(output)
    if profile is Profile.internet_nl:
        from gmconf.profiles.internetnl import rendered

        return scores(rendered(loaded, today), output, print, loaded.path)
    from gmconf.assess.check import check as judge

    return clauses(judge(loaded, today), output, print, loaded.path)


def scores(found: Iterable[Score], output: str, put: Callable[[str], object], site: Path) -> bool:
    """Print scores; holds when every domain has 100 %. Warnings cost nothing there, and are told."""
    from gmconf.profiles import text as words

    least, worst, count = 100, "", 0
    rows: list[Score] = []
    for one in found:
        least, worst, count = min(least, one.total), words.worse(worst, one.worst), count + 1
        if output == "text":
            put("\n".join(words.domain(one)))
        else:
            rows.append(one)
    if output == "json":
        put(
            form(
                {
                    "profile": Profile.internet_nl.value,
                    "least": least,
                    "worst": worst,
                    "domains": [one.json() for one in rows],
                }
            )
        )
    elif output == "text":
        put(words.summary(count, least, worst))
    else:
        from gmconf.profiles import formats as forms

        put(
            forms.scores_junit(rows, _suite(Profile.internet_nl, site))
            if output == "junit"
            else forms.scores_sarif(rows, site.name)
        )
    return least == 100


def clauses(results: Iterable[Result], output: str, put: Callable[[str], object], site: Path) -> bool:
    """Print clauses; holds when none is known not to be met."""
    from gmconf.profiles.bsi import standings

    found = standings(results)
    if output == "json":
        put(form({"profile": Profile.bsi_tr.value, "clauses": [s.json() for s in found]}))
    elif output == "text":
        from gmconf.profiles import text as words

        put("\n".join(words.clauses(found)))
    else:
        from gmconf.profiles import formats as forms

        put(
            forms.clauses_junit(found, _suite(Profile.bsi_tr, site))
            if output == "junit"
            else forms.clauses_sarif(found, site.name)
        )
    return all(s.state != "not met" for s in found)


def _suite(profile: Profile, site: Path) -> str:
    return f"gmconf --profile {profile.value} {site}"


def no_pages(output: str) -> None:
    """Raises GmconfError for the format that profiles do not have, before anything is asked."""
    if output == "html":
        raise GmconfError("--profile has no pages; take --format text, json, junit or sarif")
