"""Whether a release that was switched to does its work: a pure function of what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Verdict(Enum):
    """What to do with a release on trial."""

    HEALTHY = "healthy"
    WAIT = "wait"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True)
class Baseline:
    """What was so before the switch; all empty at a first install.

    Attributes:
        units: ActiveState of each service.
        checks: state (ok, warn, fail) of each check of `kiosk status`.
    """

    units: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Unit:
    """A unit as systemd sees it.

    Attributes:
        life: changes with each start.
        restarts: how often systemd started it again by itself since it was last asked to.
        rests: it is not meant to be running: a oneshot that is done, or a condition is not met.
    """

    name: str
    active: str
    sub: str = ""
    life: str = ""
    restarts: int = 0
    rests: bool = False


@dataclass(frozen=True)
class Seen:
    """One look at the machine.

    Attributes:
        at_s: seconds since the trial began.
        checks: state and message of each check; empty if they could not be asked.
    """

    at_s: float
    units: tuple[Unit, ...]
    checks: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Limits:
    """How long a release has.

    Attributes:
        deadline_s: from when on a trouble is final.
        settle_s: how long all has to be well without a restart.
        restarts_max: that many restarts of one unit are forgiven.
    """

    deadline_s: float
    settle_s: float
    restarts_max: int = 5


@dataclass(frozen=True)
class Progress:
    """What is known after a look.

    Attributes:
        troubles: one sentence each; empty while all is well.
        well_since_s: when all began to be well; None while it is not.
        lives: of each unit at the last look.
        restarts: of each unit at the first look.
    """

    verdict: Verdict = Verdict.WAIT
    troubles: tuple[str, ...] = ()
    well_since_s: float | None = None
    lives: Mapping[str, str] = field(default_factory=dict)
    restarts: Mapping[str, int] = field(default_factory=dict)


def judge(baseline: Baseline, limits: Limits, before: Progress, seen: Seen) -> Progress:
    """Judge a release by one more look.

    Args:
        baseline: what was so before the switch.
        limits: how long the release has.
        before: what the look before gave; ``Progress()`` for the first.
        seen: the look.
    """
    units = [unit for unit in seen.units if _is_due(unit, baseline)]
    lives = {unit.name: unit.life for unit in units}
    # Fewer than at the first look: somebody started it by hand, which begins the count anew.
    restarts = {
        unit.name: min(unit.restarts, before.restarts.get(unit.name, unit.restarts))
        for unit in units
    }
    hopeless = [f"{unit.name} failed" for unit in units if unit.active == "failed"]
    hopeless += [
        f"{unit.name} was restarted {unit.restarts - restarts[unit.name]} times"
        for unit in units
        if unit.restarts - restarts[unit.name] > limits.restarts_max
    ]
    troubles = tuple(hopeless) or (*_idle(units), *_worse(baseline, seen))
    since = None
    if not troubles:
        lived_on = before.well_since_s is not None and lives == before.lives
        since = before.well_since_s if lived_on else seen.at_s
    verdict = Verdict.WAIT
    if hopeless or (troubles and seen.at_s >= limits.deadline_s):
        verdict = Verdict.UNHEALTHY
    elif since is not None and seen.at_s - since >= limits.settle_s:
        verdict = Verdict.HEALTHY
    elif since is not None and since > limits.deadline_s:
        # It was well for a moment at best; what starts again and again never settles.
        verdict, troubles = Verdict.UNHEALTHY, ("it does not stay up",)
    return Progress(verdict, troubles, since, lives, restarts)


def _is_due(unit: Unit, baseline: Baseline) -> bool:
    """What did not run before need not run now, such as vision whose source is none."""
    return not unit.rests and baseline.units.get(unit.name, "active") == "active"


def _idle(units: list[Unit]) -> list[str]:
    return [
        f"{unit.name} is {unit.active} ({unit.sub})" for unit in units if unit.active != "active"
    ]


def _worse(baseline: Baseline, seen: Seen) -> list[str]:
    good = [name for name, state in baseline.checks.items() if state == "ok"]
    if good and not seen.checks:
        return ["kiosk status does not answer"]
    found = {name: seen.checks.get(name, ("missing", "not reported")) for name in good}
    return [
        f"{name} was ok and is {state}: {message}"
        for name, (state, message) in found.items()
        if state != "ok"
    ]
