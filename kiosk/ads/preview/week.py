"""A week of a campaign as a timetable: who is live at which hour, and what each can expect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from kiosk.ads.campaigns.bookings import Bookings, Stretch, play_seconds
from kiosk.ads.campaigns.campaign import Campaign, Contract, Impressions, Plays, ShareOfVoice
from kiosk.ads.campaigns.times import Times, Window, week_of

HOURS = range(24)
HOUR_S = 3600
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""Written out: the names must not depend on the locale of whoever draws."""


@dataclass(frozen=True)
class Hour:
    """An hour of a day by the clock on the wall.

    Attributes:
        length_s: 0 where the clock leaves it out, 7200 where it comes twice.
        expected: share of the hour that each live contract can have; 0 for those whose goal fixes
            no share.
        shut_out: live contracts that do not play beside an exclusive one.
        free: share for house content and contracts without a fixed share.
        booked: the most that was sold at once within it, as a share.
    """

    length_s: int
    expected: dict[str, float]
    shut_out: frozenset[str]
    free: float
    booked: float
    overbooked: bool

    @property
    def key(self) -> tuple[object, ...]:
        """The same for hours that look the same."""
        shares = tuple((name, round(100 * share)) for name, share in self.expected.items())
        percent = round(100 * self.free), round(100 * self.booked)
        return (self.length_s, shares, self.shut_out, percent)


@dataclass(frozen=True)
class Listed:
    """A contract of the week.

    Attributes:
        letter: short for it in the timetable.
        plays: that it can expect in the week; ``None``: its goal fixes no number.
    """

    letter: str
    contract: Contract
    plays: float | None


@dataclass(frozen=True)
class Week:
    """A timetable.

    Attributes:
        days: Monday first.
        hours: of each day, from midnight on.
        sold: contracts that are live in it, in the file's order.
        absent: ids of the others.
    """

    name: str
    zone: str
    days: tuple[date, ...]
    hours: tuple[tuple[Hour, ...], ...]
    sold: tuple[Listed, ...]
    absent: tuple[str, ...]

    @property
    def title(self) -> str:
        """The week in words."""
        year, week, _ = self.days[0].isocalendar()
        first, last = self.days[0], self.days[-1]
        return (
            f"{self.name}, week {week} of {year}: {first.day} {MONTHS[first.month - 1]} to"
            f" {last.day} {MONTHS[last.month - 1]} {last.year}"
        )

    def letter(self, name: str) -> str:
        """Short for a contract."""
        return next(one.letter for one in self.sold if one.contract.id == name)


def plan_week(campaign: Campaign, day: date, zone: ZoneInfo) -> Week:
    """The timetable of the week (ISO 8601) that a day lies in, by the store's clock."""
    days = week_of(day)
    bookings = Bookings(campaign)
    hours = tuple(_day(bookings, one, zone) for one in days)
    live = [
        contract
        for name, contract in campaign.contracts.items()
        if any(name in hour.expected for row in hours for hour in row)
    ]
    return Week(
        campaign.name,
        zone.key,
        tuple(days),
        hours,
        tuple(
            Listed(_letter(number), one, _plays(one, campaign, hours))
            for number, one in enumerate(live)
        ),
        tuple(name for name, one in campaign.contracts.items() if one not in live),
    )


def _day(bookings: Bookings, day: date, zone: ZoneInfo) -> tuple[Hour, ...]:
    stretches, order = bookings.stretches(day), bookings.campaign.contracts
    return tuple(_hour(stretches, order, day, hour, zone) for hour in HOURS)


def _hour(
    stretches: list[Stretch], order: Iterable[str], day: date, hour: int, zone: ZoneInfo
) -> Hour:
    begin, end = hour * 60, hour * 60 + 60
    within = [
        (one, (min(one.end, end) - max(one.begin, begin)) / 60)
        for one in stretches
        if one.begin < end and one.end > begin
    ]
    live = {name for one, _ in within for name in one.expected}
    # In the file's order, so that a contract stands at the same place in each hour.
    expected = {name: 0.0 for name in order if name in live}
    for one, part in within:
        for name, share in one.expected.items():
            expected[name] += share * part
    return Hour(
        _length_s(day, hour, zone),
        expected,
        frozenset(name for one, _ in within for name in one.shut_out if not expected[name]),
        sum(one.free * part for one, part in within),
        max(one.booked for one, _ in within),
        any(one.overbooked for one, _ in within),
    )


def _length_s(day: date, hour: int, zone: ZoneInfo) -> int:
    # An instant that the clock leaves out is read by the offset before the change: that is the
    # change itself, and what is left of such an hour is right.
    begin = datetime.combine(day, time(hour), zone)
    after = day + timedelta(days=1) if hour == 23 else day
    end = datetime.combine(after, time((hour + 1) % 24), zone)
    return round((end.astimezone(UTC) - begin.astimezone(UTC)).total_seconds())


def _plays(contract: Contract, campaign: Campaign, hours: Iterable[Iterable[Hour]]) -> float | None:
    goal, times = contract.goal, contract.times
    if not isinstance(goal, ShareOfVoice | Plays):
        return None
    if isinstance(goal, Plays) and goal.per == "flight" and not (times.first and times.last):
        # When it began only a screen knows, and without an end there is no pace.
        return None
    seconds = sum(
        hour.expected.get(contract.id, 0.0) * hour.length_s for row in hours for hour in row
    )
    return seconds / play_seconds(contract.id, campaign.creatives)


def _letter(number: int) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return letters[number] if number < 26 else f"{letters[number % 26]}{number // 26}"


def goal_of(contract: Contract) -> str:
    """What was sold, in words."""
    goal = contract.goal
    if isinstance(goal, ShareOfVoice):
        return f"{100 * goal.share:g} % of the time"
    if isinstance(goal, Plays):
        per = {"hour": "an hour", "day": "a day", "flight": "over the flight"}[goal.per]
        return f"{_count(goal.count, 'play')} {per}"
    if isinstance(goal, Impressions):
        return f"{_count(goal.count, 'impression')} over the flight"
    return "what is left"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def rules_of(contract: Contract) -> str:
    """Its priority, exclusivity, separation and caps, in words."""
    frequency = contract.frequency
    parts = (
        (contract.priority, f"priority {contract.priority}"),
        (contract.exclusive == "screen", "alone on the screen"),
        (contract.exclusive == "category", f"alone in {contract.category}"),
        (
            contract.separation_plays,
            f"{_count(contract.separation_plays, 'play')} apart in {contract.category}",
        ),
        (frequency.max_per_hour, f"at most {frequency.max_per_hour} an hour"),
        (frequency.min_gap_s, f"{frequency.min_gap_s:g} s apart"),
    )
    return ", ".join(words for given, words in parts if given)


def times_of(times: Times) -> str:
    """Flight and day-parts, in words."""
    flight = ""
    if times.first is not None or times.last is not None:
        begin = f"from {_day_name(times.first)}" if times.first is not None else ""
        end = f"to {_day_name(times.last)}" if times.last is not None else ""
        flight = f"{begin} {end}".strip()
    windows = "; ".join(_window_name(one) for one in times.windows)
    return ", ".join(part for part in (flight, windows) if part) or "at all times"


def _day_name(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _window_name(window: Window) -> str:
    end = window.end.strftime("%H:%M") if window.end != time(0) else "24:00"
    clock = f"{window.begin:%H:%M} to {end}"
    if len(window.days) == 7:
        return clock
    return f"{_days_name(sorted(window.days))} {clock}"


def _days_name(days: list[int]) -> str:
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(
        WEEKDAYS[run[0]]
        if len(run) == 1
        else f"{WEEKDAYS[run[0]]}{' to ' if len(run) > 2 else ', '}{WEEKDAYS[run[-1]]}"
        for run in runs
    )
