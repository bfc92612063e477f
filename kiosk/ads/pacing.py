"""Pacing: how far each contract is behind an even delivery, and whether it may or must play now.

A goal is spread evenly over the time for which its contract is live. A contract that is half a play
behind comes first; one that is ahead waits, so it is never more than one play early and never gets
more than was sold. Catching up is bounded: at most :data:`CATCH_UP` times as dense as the even
pace, and at most half of what others would have had. So one that lay still for hours comes back
spread out, and what cannot be caught up so stays owed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from kiosk.ads.campaign import Impressions, Plays, ShareOfVoice
from kiosk.ads.ledger import HOUR_S, Ledger
from kiosk.ads.livetime import day_s, days_s, live_s
from kiosk.ads.moment import Moment
from kiosk.ads.sold import Sold

DUE = 0.5
"""Plays behind, from which on a contract comes first: a play is indivisible, so half a play is as
near to even as can be, and the last play of a period is due half an interval before its end."""

LATE = 1.0
"""Plays behind, from which on even variety yields: a contract with one creative and more than half
of the screen could not be delivered else."""

CATCH_UP = 6.0
"""Times the even pace at which a contract may catch up: an audience that it waits for may be there
for a sixth of the time only."""

IMPRESSIONS_AT_FIRST = 1.0
"""Viewers per play, until there were plays to say it."""

LEAST_IMPRESSIONS = 0.2
"""Viewers per play at least, as it is reckoned with: before an empty shop nothing can be caught up
by playing more."""

PLAYS_TO_LEARN = 5
"""Plays that the first guess at the viewers per play is worth."""

ROUNDING = 1e-6


@dataclass(frozen=True)
class Standing:
    """How a contract stands.

    Attributes:
        contract: its id.
        behind: plays behind an even pace; negative: ahead.
        relative: the same as a share of what was sold for its period.
        grain: half a play as such a share.
        priority: of the contract.
        must: it is behind, and comes first.
        may: it is not ahead, and not catching up too fast.
    """

    contract: str
    behind: float
    relative: float
    grain: float
    priority: int
    must: bool
    may: bool


@dataclass(frozen=True)
class _Period:
    """What was sold for the present period, in plays, and how much of its time has passed.

    Attributes:
        plays: sold, at the pace of the whole period.
        given: of them.
        full: nothing more may be given.
        passed_s, whole_s: live seconds of the period.
    """

    plays: float
    given: float
    full: bool
    passed_s: float
    whole_s: float


def standing(
    sold: Sold, ledger: Ledger, moment: Moment, *, watched: bool | None = None
) -> Standing | None:
    """How a contract stands at a moment.

    Args:
        sold: the contract.
        ledger: what it was given.
        moment: when.
        watched: whether anybody is in view; ``None``: nobody knows.

    Returns:
        The standing; ``None`` while the contract is not live.
    """
    if not sold.live.hold(moment.local):
        return None
    goal, contract = sold.contract.goal, sold.contract
    if goal is None:
        return Standing(contract.id, 0.0, 0.0, 0.0, contract.priority, must=False, may=True)
    if isinstance(goal, ShareOfVoice):
        return _share(sold, goal.share, ledger, moment)
    period = _period(sold, goal, ledger, moment)
    if period is None or period.whole_s <= 0 or period.plays <= 0:
        return Standing(
            contract.id, 0.0, 0.0, 0.0, contract.priority,
            must=False, may=period is None or not period.full,
        )  # fmt: skip
    behind = period.plays * min(1.0, period.passed_s / period.whole_s) - period.given
    every_s = _caught_up_s(period.whole_s / period.plays, sold.play_s)
    may = not period.full and behind > -ROUNDING and _rested(sold, ledger, moment, every_s)
    # Before nobody no impression is made: it need not be first.
    vain = isinstance(goal, Impressions) and watched is False
    return Standing(
        contract.id,
        behind,
        behind / period.plays,
        0.5 / period.plays,
        contract.priority,
        must=may and behind >= DUE - ROUNDING and not vain,
        may=may,
    )


def first_in_turn(standings: Iterable[Standing]) -> frozenset[str]:
    """Contracts that come before all others now: of the highest priority, the most behind.

    Those that are within half a play of the most behind one are among them, so that there is
    something to choose from. Empty when none has to come first.
    """
    due = [one for one in standings if one.must]
    if not due:
        return frozenset()
    top = max(one.priority for one in due)
    due = [one for one in due if one.priority == top]
    most = max(one.relative for one in due)
    return frozenset(one.contract for one in due if one.relative + one.grain >= most)


def promised_plays(sold: Sold, moment: Moment) -> float | None:
    """Plays of the whole present hour or day; ``None`` for any other goal.

    An hour of which the contract is live for a part asks for that part of its plays.
    """
    goal = sold.contract.goal
    if not isinstance(goal, Plays) or goal.per == "flight":
        return None
    if goal.per == "day":
        return float(goal.count)
    return goal.count * _hour(sold, moment)[1] / HOUR_S


def _share(sold: Sold, share: float, ledger: Ledger, moment: Moment) -> Standing:
    contract = sold.contract
    sums = ledger.delivered(contract.id)
    behind = (share * sums.live_s - sums.shown_s) / sold.play_s
    an_hour = max(share * HOUR_S / sold.play_s, ROUNDING)
    rested = _rested(
        sold, ledger, moment, _caught_up_s(sold.play_s / max(share, ROUNDING), sold.play_s)
    )
    may = behind > -ROUNDING and rested
    return Standing(
        contract.id, behind, behind / an_hour, 0.5 / an_hour, contract.priority,
        must=may and behind >= DUE - ROUNDING, may=may,
    )  # fmt: skip


def _caught_up_s(even_s: float, play_s: float) -> float:
    """Seconds between two starts of a contract that catches up as fast as it may."""
    share = min(1.0, play_s / even_s)
    most = min(CATCH_UP * share, (1 + share) / 2)
    return play_s / most


def _rested(sold: Sold, ledger: Ledger, moment: Moment, every_s: float) -> bool:
    """Whether another start keeps within a pace, with half a play to spare.

    It looks at the last starts, each of which has to lie so many intervals back (a generic cell
    rate algorithm, ITU-T I.371, over a short memory).
    """
    spare_s = sold.play_s / 2
    return all(
        moment.now_s - at_s >= every_s * number - spare_s
        for number, at_s in enumerate(ledger.starts_of(sold.contract.id), 1)
    )


def _period(
    sold: Sold, goal: Plays | Impressions, ledger: Ledger, moment: Moment
) -> _Period | None:
    if isinstance(goal, Plays) and goal.per == "hour":
        given = ledger.in_hour(sold.contract.id, moment).plays
        passed_s, whole_s = _hour(sold, moment)
        plays = goal.count * whole_s / HOUR_S
        return _Period(plays, given, given >= plays - DUE, passed_s, whole_s)
    if isinstance(goal, Plays) and goal.per == "day":
        given = ledger.on_day(sold.contract.id, moment).plays
        zone = moment.local.tzinfo
        whole_s = day_s(sold.live, moment.day, zone) if zone is not None else 0.0
        return _Period(goal.count, given, given >= goal.count, _today_s(sold, moment), whole_s)
    return _flight(sold, goal, ledger, moment)


def _flight(
    sold: Sold, goal: Plays | Impressions, ledger: Ledger, moment: Moment
) -> _Period | None:
    sums, times, zone = ledger.delivered(sold.contract.id), sold.contract.times, moment.local.tzinfo
    if isinstance(goal, Plays):
        plays, given, full = float(goal.count), float(sums.plays), sums.plays >= goal.count
    else:
        each = (IMPRESSIONS_AT_FIRST * PLAYS_TO_LEARN + sums.impressions) / (
            PLAYS_TO_LEARN + sums.plays
        )
        each = max(each, LEAST_IMPRESSIONS)
        plays, given, full = (
            goal.count / each,
            sums.impressions / each,
            (sums.impressions >= goal.count),
        )
    if times.last is None or zone is None:
        # It never ends, so no pace follows from it: it plays when there is room.
        return _Period(0.0, given, full, 0.0, 0.0)
    first = times.first or min(ledger.began(sold.contract.id) or moment.day, moment.day)
    # What a window carries over midnight belongs to the last day, and is played on the next.
    whole_s = days_s(sold.live, first, times.last + timedelta(days=2), zone)
    passed_s = days_s(sold.live, first, max(first, moment.day), zone) + _today_s(sold, moment)
    return _Period(plays, given, full, passed_s, whole_s)


def _today_s(sold: Sold, moment: Moment) -> float:
    """Live seconds of the day so far."""
    return _until_now_s(sold, moment, moment.day)


def _until_now_s(sold: Sold, moment: Moment, day: date) -> float:
    zone = moment.local.tzinfo
    if zone is None:
        return 0.0
    return live_s(sold.live, 0.0, moment.utc.timestamp(), (day,), zone)


def _hour(sold: Sold, moment: Moment) -> tuple[float, float]:
    """Live seconds of the hour of the store's clock: so far, and all."""
    zone, local = moment.local.tzinfo, moment.local
    if zone is None:
        return 0.0, 0.0
    now_s = moment.utc.timestamp()
    begin_s = now_s - (local.minute * 60 + local.second + local.microsecond / 1e6)
    days = (moment.day,)
    return (
        live_s(sold.live, begin_s, now_s, days, zone),
        live_s(sold.live, begin_s, begin_s + HOUR_S, days, zone),
    )
