"""The decision itself, as tables of what is seen second by second."""

from __future__ import annotations

import pytest

from kiosk.release.health import Baseline, Limits, Progress, Seen, Unit, Verdict, judge

LIMITS = Limits(deadline_s=10, settle_s=3, restarts_max=2)
BEFORE = Baseline(
    units={"director": "active", "vision": "activating"},
    checks={"director": "ok", "plays": "ok", "vision": "fail", "clock": "warn"},
)
GOOD = {"director": ("ok", ""), "plays": ("ok", ""), "vision": ("fail", ""), "clock": ("ok", "")}


def director(active: str = "active", restarts: int = 0, life: str = "1") -> Unit:
    return Unit("director", active, "running", life, restarts)


ONCE_RESTARTED = director(restarts=1, life="2")


def worse(name: str, state: str = "fail") -> dict[str, tuple[str, str]]:
    return GOOD | {name: (state, "it does not")}


def fold(*looks: Seen, before: Baseline = BEFORE) -> list[Progress]:
    """What is known after each look."""
    known = [Progress()]
    for look in looks:
        known.append(judge(before, LIMITS, known[-1], look))
    return known[1:]


def look(at_s: float, *units: Unit, checks: dict[str, tuple[str, str]] | None = None) -> Seen:
    return Seen(at_s, units or (director(),), GOOD if checks is None else checks)


@pytest.mark.parametrize(
    ("looks", "verdict", "trouble"),
    [
        ([look(0)], "wait", None),
        ([look(0), look(2.9)], "wait", None),
        ([look(0), look(3)], "healthy", None),
        # What was not well before need not be.
        ([look(0, director(), Unit("vision", "failed")), look(3)], "healthy", None),
        # But what was, has to.
        ([look(0, checks=worse("plays")), look(3, checks=worse("plays"))], "wait", "plays was ok"),
        ([look(10, checks=worse("plays"))], "unhealthy", "plays was ok and is fail: it does not"),
        ([look(10, checks=worse("plays", "warn"))], "unhealthy", "plays was ok and is warn"),
        ([look(10, checks={"director": ("ok", "")})], "unhealthy", "plays was ok and is missing"),
        ([look(10, checks={})], "unhealthy", "kiosk status does not answer"),
        ([look(10, checks=worse("vision")), look(13)], "healthy", None),
        # It came late, but before the deadline: it may settle.
        ([look(9, checks=worse("plays")), look(10), look(12)], "wait", None),
        ([look(9, checks=worse("plays")), look(10), look(13)], "healthy", None),
        ([look(9, checks=worse("plays")), look(10), look(11, director("activating"))],
         "unhealthy", "director is activating"),
        # A unit that starts again and again is never there for long enough.
        ([look(0), look(2, ONCE_RESTARTED), look(4, ONCE_RESTARTED)], "wait", None),
        ([look(0), look(2, ONCE_RESTARTED), look(5, ONCE_RESTARTED)], "healthy", None),
        ([look(0), look(1, director("activating", 2)), look(2, director("activating", 3))],
         "unhealthy", "director was restarted 3 times"),
        ([look(0, director("activating", 7)), look(1, director("activating", 9))],
         "wait", "director is activating"),
        ([look(8), look(10, director(life="2")), look(12, director(life="3"))],
         "unhealthy", "does not stay up"),
        # What systemd gave up on does not come back.
        ([look(0, director("failed"))], "unhealthy", "director failed"),
        ([look(0, director("inactive"))], "wait", "director is inactive"),
        ([look(10, director("inactive"))], "unhealthy", "director is inactive"),
        # A unit of its own that the release before did not have.
        ([look(10, director(), Unit("screen", "activating"))], "unhealthy", "screen is activating"),
        # What is not meant to run.
        ([look(0), look(3, director(), Unit("once", "inactive", rests=True))], "healthy", None),
    ],
)  # fmt: skip
def test_a_release_is_judged_by_what_is_seen(
    looks: list[Seen], verdict: str, trouble: str | None
) -> None:
    last = fold(*looks)[-1]
    assert last.verdict is Verdict(verdict)
    if trouble is None:
        assert last.troubles == ()
    else:
        assert trouble in "; ".join(last.troubles)


def test_at_a_first_install_the_units_alone_decide() -> None:
    looks = [look(0, checks={}), look(3, checks={})]
    assert fold(*looks, before=Baseline())[-1].verdict is Verdict.HEALTHY


def test_a_count_that_began_anew_is_not_taken_for_restarts_that_were() -> None:
    looks = [look(at, director(restarts=count)) for at, count in [(0, 9), (1, 0), (2, 2)]]
    assert fold(*looks)[-1].verdict is Verdict.WAIT
    assert fold(*looks, look(2.5, director(restarts=3)))[-1].verdict is Verdict.UNHEALTHY
