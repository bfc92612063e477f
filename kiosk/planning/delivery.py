"""What contracts were due and what they got, counted beside the product's own ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from kiosk.ads import Campaign, Contract, Creative, Impressions, Plays, ShareOfVoice
from kiosk.planning.world import DAY_S, HOUR_S

MARK_S = 600
"""Between two looks at how far each contract is from its even line."""

MARKS_A_DAY = DAY_S // MARK_S


@dataclass(frozen=True)
class Delivered:
    """One contract over the simulated time.

    Attributes:
        unit: what its goal counts: ``s``, ``plays`` or ``impressions``.
        due: how much of it was due in the simulated time.
        got: how much it was given.
        off_line: mean distance from the even line while it was live, in its unit.
        most_off_line: the largest one.
        a_day: what is due on a full day, the measure of both.
    """

    contract: str
    unit: str
    due: float
    got: float
    plays: int
    off_line: float
    most_off_line: float
    a_day: float

    @property
    def error(self) -> float:
        """How far from its goal, as a share of it; negative: too little."""
        return self.got / self.due - 1 if self.due else 0.0

    @property
    def pacing_error(self) -> float:
        """Mean distance from the even line, as a share of a day's goal."""
        return self.off_line / self.a_day if self.a_day else 0.0


class Line:
    """A contract's goal, spread evenly over the time in which it is live and the screen is on."""

    def __init__(
        self,
        contract: Contract,
        creatives: list[Creative],
        first: date,
        days: int,
        is_on: Callable[[datetime], bool],
    ) -> None:
        """A line.

        Args:
            contract: one that has a goal.
            creatives: what may deliver it.
            first: first simulated day.
            days: how many are simulated.
            is_on: whether the screen is on at a moment.
        """
        self.contract = contract
        self.got, self.plays = 0.0, 0
        self._off: list[float] = []

        def live(local: datetime) -> bool:
            fits = any(one.times.hold(local) for one in creatives)
            return fits and contract.times.hold(local) and is_on(local)

        self._live = [[live(mark) for mark in _marks(first, day)] for day in range(days)]
        self.unit, self._rates = _rates(contract, self._live, _flight_marks(contract, first, live))
        self._due = 0.0

    def play(self, shown_s: float, viewers: int) -> None:
        """One of its plays has ended."""
        self.plays += 1
        self.got += {"s": shown_s, "plays": 1, "impressions": viewers}[self.unit]

    def mark(self, day: int, number: int) -> None:
        """A stretch of a day is over."""
        if self._live[day][number]:
            self._due += self._rates[day]
            self._off.append(abs(self.got - self._due))

    def delivered(self) -> Delivered:
        """How it stands."""
        by_day = [rate * sum(live) for rate, live in zip(self._rates, self._live, strict=True)]
        mean = sum(self._off) / len(self._off) if self._off else 0.0
        most = max(self._off, default=0.0)
        return Delivered(
            self.contract.id, self.unit, self._due, self.got, self.plays, mean, most,
            max(by_day, default=0.0),
        )  # fmt: skip


def even_lines(
    campaign: Campaign, first: date, days: int, is_on: Callable[[datetime], bool]
) -> dict[str, Line]:
    """Lines of all contracts that have a goal, by id."""
    return {
        one.id: Line(
            one,
            [creative for creative in campaign.creatives if creative.contract == one.id],
            first,
            days,
            is_on,
        )
        for one in campaign.contracts.values()
        if one.goal is not None
    }


def _rates(
    contract: Contract, live: list[list[bool]], flight_marks: int
) -> tuple[str, list[float]]:
    """The unit, and what is due in a stretch of each day."""
    goal = contract.goal
    if isinstance(goal, ShareOfVoice):
        return "s", [goal.share * MARK_S] * len(live)
    if isinstance(goal, Plays) and goal.per == "hour":
        return "plays", [goal.count * MARK_S / HOUR_S] * len(live)
    if isinstance(goal, Plays) and goal.per == "day":
        return "plays", [goal.count / max(sum(day), 1) for day in live]
    count = goal.count if isinstance(goal, (Plays, Impressions)) else 0
    unit = "plays" if isinstance(goal, Plays) else "impressions"
    return unit, [count / max(flight_marks or sum(map(sum, live)), 1)] * len(live)


def _flight_marks(contract: Contract, first: date, live: Callable[[datetime], bool]) -> int:
    """Stretches of the whole flight, simulated or not; 0 when it has no end."""
    times = contract.times
    if times.last is None:
        return 0
    begin = times.first or first
    days = (times.last - begin).days + 1
    return sum(live(mark) for day in range(days) for mark in _marks(begin, day))


def _marks(first: date, day: int) -> Iterator[datetime]:
    """The middle of each stretch of a day."""
    midnight = datetime.combine(first + timedelta(days=day), time(0), UTC)
    for number in range(MARKS_A_DAY):
        yield midnight + timedelta(seconds=(number + 0.5) * MARK_S)
