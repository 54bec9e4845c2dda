"""Runs probes in parallel and turns what they saw into results, one for each control that names them."""

from __future__ import annotations

import queue
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches

from gmconf.controls import CATALOGUE
from gmconf.controls.result import Observation, Result, Status
from gmconf.errors import GmconfError
from gmconf.verify import access, content, drift, msa, mta, ports, roundtrip, tls, web
from gmconf.verify import chat_news as talk
from gmconf.verify import dns as naming
from gmconf.verify.alive import DeadError
from gmconf.verify.probe import PROBES, NothingToSayError, Probe, Task
from gmconf.verify.run import Run

__all__ = ["MODULES", "PROBES", "chosen", "results", "verify"]
MODULES = (mta, content, msa, access, tls, naming, ports, web, talk, roundtrip, drift)
"""Each declares its probes when it is imported."""
WORKERS = 24
SHOWN = 10
"""Findings of one probe on one subject that are listed."""
UNREACHED = "see whether the host is up and reachable from here; then run the probe alone: --only "


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a task."""

    task: Task
    status: Status
    seen: tuple[Observation, ...] = ()
    text: str = ""


def chosen(names: Sequence[str]) -> list[Probe]:
    """Probes by name, all when none is named. Raises GmconfError for an unknown one."""
    for name in names:
        if name not in PROBES:
            near = get_close_matches(name, PROBES, 3)
            hint = f"did you mean {', '.join(near)}?" if near else "list them: gmconf probes"
            raise GmconfError(f"no probe {name}; {hint}")
    return [probe for probe in PROBES.values() if not names or probe.name in names]


def verify(
    run: Run, probes: Sequence[Probe], done: Callable[[Outcome, int], None] = lambda _outcome, _left: None
) -> list[Outcome]:
    """All tasks of some probes, in their order; ``done`` is told of each as it ends. Never waits longer than the run's
    bounds."""
    tasks = [task for probe in probes for task in probe.each(run)]
    outcomes: dict[int, Outcome] = {}
    until = time.monotonic() + run.bounds.total(len(run.hosts))
    for stage in (False, True):
        part = {n: t for n, t in enumerate(tasks) if t.probe.last is stage}
        for number, outcome in _parallel(run, part, until):
            outcomes[number] = outcome
            done(outcome, len(tasks) - len(outcomes))
    found = [outcomes[n] for n in range(len(tasks))]
    return _swept(run, _silent(run, found))


def _silent(run: Run, outcomes: list[Outcome]) -> list[Outcome]:
    """Of a host that answers neither from outside nor over ssh every probe says the same, with what ssh said."""
    for at in run.hosts:
        mine = [
            n
            for n, o in enumerate(outcomes)
            if o.task.subject == at.host.name and (o.task.probe.inside or o.text == at.silence)
        ]
        said = {outcomes[n].text for n in mine if outcomes[n].task.probe.inside and outcomes[n].status == "error"}
        if at.silence and all(outcomes[n].status in ("error", "na") for n in mine):
            text = "; ".join([at.silence, *sorted(said)])
            for n in mine:
                outcomes[n] = replace(outcomes[n], text=text) if outcomes[n].status == "error" else outcomes[n]
    return outcomes


def _parallel(run: Run, tasks: dict[int, Task], until: float) -> Iterator[tuple[int, Outcome]]:
    """Tasks at once, what looks inside first: it takes longest. Threads that never end are left behind (they are
    daemons)."""
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    ended: queue.SimpleQueue[tuple[int, Outcome]] = queue.SimpleQueue()
    for number in sorted(tasks, key=lambda n: (not tasks[n].probe.inside, not tasks[n].probe.login, n)):
        todo.put(number)

    def work() -> None:
        while time.monotonic() < until:
            try:
                number = todo.get_nowait()
            except queue.Empty:
                return
            outcome = Outcome(tasks[number], "error", text="the probe itself is broken; please report what it printed")
            try:
                outcome = _outcome(run, tasks[number])
            finally:
                ended.put((number, outcome))

    for _ in range(min(WORKERS, len(tasks))):
        threading.Thread(target=work, daemon=True).start()
    left = set(tasks)
    while left:
        try:
            number, outcome = ended.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            break
        left.discard(number)
        yield number, outcome
    for number in sorted(left):
        yield number, Outcome(tasks[number], "error", text=f"no result within {run.bounds.total(len(run.hosts)):g} s")


def _outcome(run: Run, task: Task) -> Outcome:
    if task.probe.login and run.login is None:
        return Outcome(task, "na", text="needs the probe account: --login ADDRESS")
    seen: list[Observation] = []
    try:
        for one in task.look():
            seen.append(one)
    except NothingToSayError as reason:
        return Outcome(task, "na", text=str(reason))
    except DeadError as error:
        return Outcome(task, "error", text=str(error))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; ValueError is an answer that no protocol knows
        if all(s.holds for s in seen):
            return Outcome(task, "error", text=_told(error))
        # What was found before is the reason more often than not.
        seen.append(Observation("the rest of the probe", _told(error), holds=False))
    if not seen:
        return Outcome(task, "na", text="nothing to look at")
    return Outcome(task, "pass" if all(s.holds for s in seen) else "fail", tuple(seen))


def _told(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return str(error) or type(error).__name__


def _swept(run: Run, outcomes: list[Outcome]) -> list[Outcome]:
    """Test messages are deleted from the probe account; what cannot be deleted is said."""
    if run.login is None or not any(o.task.probe.login for o in outcomes):
        return outcomes
    taken = any(o.status == "fail" and o.task.probe.login for o in outcomes)
    try:
        roundtrip.sweep(run, 3 if taken else 0)
    except (OSError, GmconfError, DeadError) as error:
        last = next(n for n, o in enumerate(outcomes) if o.task.probe.login)
        spoken = outcomes[last]
        outcomes[last] = Outcome(
            spoken.task, "error", spoken.seen, f"test messages could not be deleted from {run.login.address}: {error}"
        )
    return outcomes


def results(run: Run, outcomes: Iterable[Outcome], today: date) -> list[Result]:
    """Results in the form of ``gmconf check``: for every control that names the probe; ``where`` is the probe."""
    waived = run.loaded.site.waived(today)
    return [
        row
        for outcome in outcomes
        for control in outcome.task.probe.proves
        for row in _rows(outcome, control, control in waived)
    ]


def _rows(outcome: Outcome, control: str, waived: bool) -> Iterator[Result]:
    probe, subject = outcome.task.probe, outcome.task.subject
    level = CATALOGUE[control].level

    def row(status: Status, expected: str, observed: str, remedy: str = "") -> Result:
        return Result(control, level, subject, "live", status, expected, observed, probe.name, "", remedy)

    if outcome.status == "na":
        yield row("na", "", outcome.text)
    elif outcome.status == "error":
        yield row("error", probe.title, outcome.text, f"{UNREACHED}{probe.name}")
    elif outcome.status == "pass":
        only = (
            outcome.seen[0]
            if len(outcome.seen) == 1
            else Observation(probe.title, f"{len(outcome.seen)} things looked at, all as wanted", holds=True)
        )
        yield row("pass", only.expected, only.observed)
    else:
        broken = [s for s in outcome.seen if not s.holds]
        for seen in broken[:SHOWN]:
            yield row("waived" if waived else "fail", seen.expected, seen.observed, seen.remedy)
        if len(broken) > SHOWN:
            yield row(
                "waived" if waived else "fail",
                probe.title,
                f"{len(broken) - SHOWN} more findings",
                f"run it alone: --only {probe.name}",
            )
