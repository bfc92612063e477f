"""What contracts take of the screen's time, stretch by stretch of a day.

Only what a goal fixes can be added up: impressions depend on who comes, and a contract without a
goal takes what is left.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from kiosk.ads.campaigns.campaign import Campaign, Contract, Creative, Plays, ShareOfVoice
from kiosk.ads.campaigns.exclusivity import shut_out_by
from kiosk.ads.campaigns.times import DAY_MINUTES, Span, common, length, merged

FULL = 1 + 1e-9
"""A share of more than this is more than there is; sums of decimal shares miss 1 by a hair."""

MOST_DAYS = 3660
"""Of a flight that is summed up: ten years."""


@dataclass(frozen=True)
class Stretch:
    """A stretch of a day in which the same contracts are live.

    Attributes:
        begin, end: minutes of the clock on the wall.
        wanted: share of the time on screen that the goal of each live contract takes.
        expected: the share that each can have: exclusive ones first, then by priority; those of
            one priority are cut alike.
        shut_out: contracts that do not play beside an exclusive one, and that one.
    """

    begin: int
    end: int
    wanted: dict[str, float]
    expected: dict[str, float]
    shut_out: dict[str, str]

    @property
    def booked(self) -> float:
        """What all want together; more than 1: not all of it can be delivered."""
        return sum(share for name, share in self.wanted.items() if name not in self.shut_out)

    @property
    def overbooked(self) -> bool:
        """Whether more is sold than there is."""
        return self.booked > FULL

    @property
    def free(self) -> float:
        """The share that house content and contracts without a fixed share have."""
        return max(0.0, 1.0 - sum(self.expected.values()))


class Bookings:
    """The time on screen that a campaign's contracts take.

    Args:
        campaign: what may be played; whom its creatives are for is left out of account.
    """

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self._parts = {
            name: [one.times for one in campaign.creatives if one.contract == name]
            for name in campaign.contracts
        }
        self._minutes: dict[str, int] = {}

    def live(self, name: str, day: date) -> list[Span]:
        """When a contract and one of its creatives may play."""
        own = self.campaign.contracts[name].times.spans(day)
        return common(own, merged(span for part in self._parts[name] for span in part.spans(day)))

    def stretches(self, day: date) -> list[Stretch]:
        """A day from midnight to midnight, without a gap, by the clock on the wall."""
        live = {name: self.live(name, day) for name in self.campaign.contracts}
        edges = {0, DAY_MINUTES}
        edges.update(edge for found in live.values() for span in found for edge in span)
        rates = {name: self._rate(name, found) for name, found in live.items() if found}
        return [
            _stretch(
                begin,
                end,
                [self.campaign.contracts[name] for name in rates if _within(begin, live[name])],
                rates,
            )
            for begin, end in itertools.pairwise(sorted(edges))
        ]

    def _rate(self, name: str, today: Sequence[Span]) -> float:
        """The share of the time on screen that a contract's goal takes while it is live."""
        goal = self.campaign.contracts[name].goal
        if isinstance(goal, ShareOfVoice):
            return goal.share
        if not isinstance(goal, Plays):
            return 0.0
        minutes = 60
        if goal.per == "day":
            minutes = length(today)
        elif goal.per == "flight":
            minutes = self._flight_minutes(name)
        seconds = goal.count * play_seconds(name, self.campaign.creatives)
        return seconds / (60 * minutes) if minutes else 0.0

    def _flight_minutes(self, name: str) -> int:
        if name not in self._minutes:
            times = self.campaign.contracts[name].times
            self._minutes[name] = 0
            if times.first is not None and times.last is not None:
                days = min((times.last - times.first).days + 2, MOST_DAYS)
                self._minutes[name] = sum(
                    length(self.live(name, times.first + timedelta(days=offset)))
                    for offset in range(days)
                )
        return self._minutes[name]


def play_seconds(contract: str, creatives: Iterable[Creative]) -> float:
    """The mean length of a contract's creatives."""
    own = [one.duration_s for one in creatives if one.contract == contract]
    return sum(own) / len(own) if own else 0.0


def _stretch(begin: int, end: int, live: list[Contract], rates: dict[str, float]) -> Stretch:
    shut_out = {one.id: other.id for one in live if (other := shut_out_by(one, live)) is not None}
    expected = {one.id: 0.0 for one in live}
    left = 1.0
    for priority in sorted({one.priority for one in live}, reverse=True):
        group = [one.id for one in live if one.priority == priority and one.id not in shut_out]
        wanted = sum(rates[name] for name in group)
        granted = min(1.0, left / wanted) if wanted else 0.0
        for name in group:
            expected[name] = rates[name] * granted
        left = max(0.0, left - wanted)
    return Stretch(begin, end, {one.id: rates[one.id] for one in live}, expected, shut_out)


def _within(minute: int, spans: Iterable[Span]) -> bool:
    return any(begin <= minute < end for begin, end in spans)
