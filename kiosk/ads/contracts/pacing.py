"""Pacing: how far each contract is behind an even delivery, and whether it may or must play now.

A goal is spread evenly over the time for which its contract is live. A contract that is half a play
behind comes first; one that is ahead waits, so it is never more than one play early and never gets
more than was sold. Catching up is bounded: at most :data:`CATCH_UP` times as dense as the even
pace, and at most half of what others would have had. So one that lay still for hours comes back
spread out, and what cannot be caught up so stays owed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta, tzinfo
from typing import NamedTuple

from kiosk.ads.campaigns.campaign import Impressions, Plays, ShareOfVoice
from kiosk.ads.contracts.ledger import HOUR_S, Ledger
from kiosk.ads.contracts.livetime import Span, day_s, day_spans, days_s
from kiosk.ads.contracts.moment import Moment
from kiosk.ads.contracts.sold import Sold

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


class _Period(NamedTuple):
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
    today = _today(sold, moment)
    if not today.holds(moment.utc.timestamp()):
        return None
    goal, contract = sold.contract.goal, sold.contract
    if goal is None:
        return Standing(contract.id, 0.0, 0.0, 0.0, contract.priority, must=False, may=True)
    if isinstance(goal, ShareOfVoice):
        return _share(sold, goal.share, ledger, moment)
    period = _period(today, goal, ledger, moment)
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


def _share(sold: Sold, share: float, ledger: Ledger, moment: Moment) -> Standing:
    contract = sold.contract
    sums = ledger.delivered(contract.id)
    behind = (share * sums.live_s - sums.shown_s) / sold.play_s
    an_hour = max(share * HOUR_S / sold.play_s, ROUNDING)
    every_s = _caught_up_s(sold.play_s / max(share, ROUNDING), sold.play_s)
    may = behind > -ROUNDING and _rested(sold, ledger, moment, every_s)
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
    spare_s, now_s = sold.play_s / 2, moment.now_s
    for number, at_s in enumerate(ledger.starts_of(sold.contract.id), 1):
        if now_s - at_s < every_s * number - spare_s:
            return False
    return True


def _period(
    today: _Today, goal: Plays | Impressions, ledger: Ledger, moment: Moment
) -> _Period | None:
    contract = today.sold.contract.id
    if isinstance(goal, Plays) and goal.per == "hour":
        given = ledger.in_hour(contract, moment).plays
        before_s, passed_s, whole_s = _hour(today, moment)
        plays = _whole_plays(goal.count, before_s + whole_s) - _whole_plays(goal.count, before_s)
        return _Period(plays, given, given >= plays, passed_s, whole_s)
    if isinstance(goal, Plays) and goal.per == "day":
        given = ledger.on_day(contract, moment).plays
        passed_s = today.live_s(0.0, moment.utc.timestamp())
        return _Period(goal.count, given, given >= goal.count, passed_s, today.whole_s)
    return _flight(today, goal, ledger, moment)


def _flight(
    today: _Today, goal: Plays | Impressions, ledger: Ledger, moment: Moment
) -> _Period | None:
    contract = today.sold.contract
    sums, times = ledger.delivered(contract.id), contract.times
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
    if times.last is None:
        # It never ends, so no pace follows from it: it plays when there is room.
        return _Period(0.0, given, full, 0.0, 0.0)
    first = times.first or min(ledger.began(contract.id) or moment.day, moment.day)
    before_s, whole_s = today.flight_s(first, times.last)
    passed_s = before_s + today.live_s(0.0, moment.utc.timestamp())
    return _Period(plays, given, full, passed_s, whole_s)


def _whole_plays(an_hour: int, live_s: float) -> int:
    """Plays of a day's first live seconds: what is rounded in one hour is made good in the next."""
    return math.floor(an_hour * live_s / HOUR_S + DUE + ROUNDING)


def _hour(today: _Today, moment: Moment) -> tuple[float, float, float]:
    """Live seconds of the day before the hour of the store's clock; of the hour so far, and all."""
    local, now_s = moment.local, moment.utc.timestamp()
    begin_s = now_s - (local.minute * 60 + local.second + local.microsecond / 1e6)
    return (
        today.live_s(0.0, begin_s),
        today.live_s(begin_s, now_s),
        today.live_s(begin_s, begin_s + HOUR_S),
    )


@dataclass(frozen=True)
class _Today:
    """What holds of a contract for a whole day of the store.

    Attributes:
        spans: when it is live.
        whole_s: for how long together.
        flights: live seconds before the day and of the whole flight, by the flight's first day.
    """

    sold: Sold
    day: date
    zone: tzinfo
    spans: tuple[Span, ...]
    whole_s: float
    flights: dict[date, tuple[float, float]] = field(default_factory=dict)

    @staticmethod
    def of(sold: Sold, day: date, zone: tzinfo) -> _Today:
        return _Today(sold, day, zone, day_spans(sold.live, day, zone), day_s(sold.live, day, zone))

    def holds(self, at_s: float) -> bool:
        return any(begin <= at_s < end for begin, end in self.spans)

    def live_s(self, begin_s: float, end_s: float) -> float:
        total = 0.0
        for begin, end in self.spans:
            if begin < end_s and end > begin_s:
                total += min(end, end_s) - max(begin, begin_s)
        return total

    def flight_s(self, first: date, last: date) -> tuple[float, float]:
        """Live seconds from a flight's first day to this one, and to its end."""
        if first not in self.flights:
            live = self.sold.live
            self.flights[first] = (
                days_s(live, first, max(first, self.day), self.zone),
                # What a window carries over midnight belongs to the last day, and is played on
                # the next.
                days_s(live, first, last + timedelta(days=2), self.zone),
            )
        return self.flights[first]


MOST_TODAYS = 1024
"""Contracts whose day is remembered; of more than that each is worked out at each choice."""

_todays: dict[int, _Today] = {}
"""By the identity of what was sold: to hash its times costs more than all else that is asked."""


def _today(sold: Sold, moment: Moment) -> _Today:
    day, zone = moment.day, moment.local.tzinfo or UTC
    found = _todays.get(id(sold))
    if found is None or found.sold is not sold or found.day != day or found.zone is not zone:
        if len(_todays) >= MOST_TODAYS:
            _todays.clear()
        found = _todays[id(sold)] = _Today.of(sold, day, zone)
    return found
