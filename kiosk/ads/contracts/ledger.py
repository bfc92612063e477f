"""What was played and what contracts were given: in memory, bounded; kept as sums elsewhere."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from kiosk.ads.campaigns.campaign import Campaign, Creative, Impressions, ShareOfVoice
from kiosk.ads.contracts.moment import Moment
from kiosk.ads.contracts.sold import sold_in
from kiosk.state import Delivery

HOUR_S = 3600.0

MOST_STARTS = 8192
"""Starts that are remembered: more than an hour of the shortest plays has."""

LEAST_STARTS = 128
"""Starts that are remembered however old they are: more than any separation asks for."""

STARTS_OF_ONE = 8
"""Starts of one contract that are remembered, for how fast it may catch up."""

MOST_IDS = 4096
"""Creatives and contracts whose last start is remembered."""

DAY = 10
"""Characters of a period that name its day."""


@dataclass(frozen=True)
class Start:
    """A play that began, presented or not.

    Attributes:
        category: of its contract; empty for house content.
        at_s: monotonic seconds.
    """

    creative: str
    contract: str | None
    category: str
    at_s: float


@dataclass(frozen=True)
class Sums:
    """What a contract was given over some time."""

    plays: int = 0
    shown_s: float = 0.0
    live_s: float = 0.0
    impressions: int = 0

    def plus(self, other: Sums | Delivery) -> Sums:
        """Both together."""
        return Sums(
            self.plays + other.plays,
            self.shown_s + other.shown_s,
            self.live_s + other.live_s,
            self.impressions + other.impressions,
        )


NOTHING = Sums()


@dataclass
class _Account:
    """Sums of one contract, by the hour for the newest two days; impressions only in all."""

    total: Sums = NOTHING
    hours: dict[str, Sums] = field(default_factory=dict)
    since: str = ""

    def add(self, one: Delivery) -> None:
        self.total = self.total.plus(one)
        day = one.period[:DAY]
        self.since = min(self.since or day, day)
        if len(one.period) > DAY:
            told = replace(one, impressions=0)
            self.hours[one.period] = self.hours.get(one.period, NOTHING).plus(told)

    def of_day(self, day: str) -> Sums:
        found = NOTHING
        for hour, sums in self.hours.items():
            if hour.startswith(day):
                found = found.plus(sums)
        return found


@dataclass(frozen=True)
class _Open:
    """The play that is on a screen: counted as if it will end as it should.

    Attributes:
        creative: what it shows.
        hour: of its first frame.
        live: contracts sold by share of voice that were live then.
        counted: its contract is sold by impressions; else nobody needs to know how many there were.
    """

    creative: Creative
    hour: str
    live: frozenset[str]
    counted: bool


class Ledger:
    """Plays and sums of this screen; one play is open at a time."""

    def __init__(self) -> None:
        """Nothing was played."""
        self._accounts: dict[str, _Account] = {}
        self._starts: deque[Start] = deque(maxlen=MOST_STARTS)
        self._last: dict[str, float] = {}
        self._of_contract: dict[str, deque[float]] = {}
        self._open: _Open | None = None

    # What happens.

    def restore(self, delivered: Iterable[Delivery], starts: Iterable[Start]) -> None:
        """Join what was kept of before with what happened since.

        Args:
            delivered: sums, each once.
            starts: of plays, oldest first, all of them before any that this ledger knows.
        """
        for one in delivered:
            self._account(one.contract).add(one)
        since, self._starts = tuple(self._starts), deque(maxlen=MOST_STARTS)
        self._last.clear()
        self._of_contract.clear()
        for start in (*starts, *since):
            self._remember(start)

    def start(
        self, creative: Creative, campaign: Campaign, moment: Moment, *, presented: bool
    ) -> None:
        """A play is on screen.

        Args:
            creative: what it shows.
            campaign: of which it is one.
            moment: of its first frame.
            presented: a screen has confirmed it; a play that none did delivers nothing.
        """
        contract = campaign.contracts.get(creative.contract or "")
        category = contract.category if contract is not None else ""
        name = contract.id if contract is not None else None
        self._remember(Start(creative.id, name, category, moment.now_s))
        live = (
            frozenset(
                one.contract.id
                for one in sold_in(campaign)
                if isinstance(one.contract.goal, ShareOfVoice) and one.live.hold(moment.local)
            )
            if presented
            else frozenset()
        )
        self._open = (
            _Open(
                replace(creative, contract=name),
                moment.hour,
                live,
                contract is not None and isinstance(contract.goal, Impressions),
            )
            if presented
            else None
        )

    def end(self, shown_s: float, impressions: int, *, completed: bool) -> list[Delivery]:
        """The play that was on screen is over.

        Args:
            shown_s: how long it was.
            impressions: viewers that were present during it; kept where a contract is sold by them.
            completed: to its end; one that broke off is no play, but took its seconds.

        Returns:
            What it adds to the sums that are kept, by contract.
        """
        over, self._open = self._open, None
        if over is None:
            return []
        own = over.creative.contract
        found = []
        for contract in sorted(over.live | ({own} if own else set())):
            one = Delivery(contract, over.hour, live_s=shown_s if contract in over.live else 0.0)
            if contract == own:
                one = replace(one, plays=int(completed), shown_s=shown_s)
            self._account(contract).add(one)
            found.append(one)
        if own and over.counted and impressions > 0:
            # Never by the hour: exact counts of people are not to outlive theirs.
            account = self._account(own)
            one = Delivery(own, account.since, impressions=impressions)
            account.add(one)
            found.append(one)
        return found

    def forget(self, day: date, known: Collection[str]) -> None:
        """Keep it small: hours of days that are over, and contracts that nobody knows any more."""
        for name in [name for name in self._accounts if name not in known]:
            if len(self._accounts) > MOST_IDS:
                del self._accounts[name]
        newest = sorted({hour[:DAY] for one in self._accounts.values() for hour in one.hours})[-2:]
        kept = {day.isoformat(), *newest}
        for account in self._accounts.values():
            for hour in [hour for hour in account.hours if hour[:DAY] not in kept]:
                del account.hours[hour]

    # What is asked.

    @property
    def last(self) -> Start | None:
        """The play before."""
        return self._starts[-1] if self._starts else None

    def before(self, count: int) -> list[Start]:
        """So many plays before, newest first."""
        return [self._starts[-1 - place] for place in range(min(count, len(self._starts)))]

    def in_last_hour(self, now_s: float) -> Counter[str]:
        """Starts within the last 60 minutes, by id of creative and, as ``/id``, of contract."""
        found: Counter[str] = Counter()
        for start in reversed(self._starts):
            if start.at_s <= now_s - HOUR_S:
                break
            found[start.creative] += 1
            if start.contract is not None:
                found[f"/{start.contract}"] += 1
        return found

    def since_s(self, name: str, now_s: float) -> float | None:
        """Seconds since the last start of a creative, or of a ``/contract``."""
        last_s = self._last.get(name)
        return None if last_s is None else now_s - last_s

    def starts_of(self, contract: str) -> tuple[float, ...]:
        """Last starts of a contract, newest first."""
        return tuple(reversed(self._of_contract.get(contract, ())))

    def delivered(self, contract: str) -> Sums:
        """Over all time."""
        return self._with_open(contract, self._sums(contract), "")

    def in_hour(self, contract: str, moment: Moment) -> Sums:
        """In the hour of the store's clock."""
        account = self._accounts.get(contract)
        found = account.hours.get(moment.hour, NOTHING) if account is not None else NOTHING
        return self._with_open(contract, found, moment.hour)

    def on_day(self, contract: str, moment: Moment) -> Sums:
        """On the day of the store's clock."""
        account, day = self._accounts.get(contract), moment.day.isoformat()
        return self._with_open(contract, account.of_day(day) if account else NOTHING, day)

    def began(self, contract: str) -> date | None:
        """The first day on which it was given anything, or was live beside what played."""
        account = self._accounts.get(contract)
        return date.fromisoformat(account.since) if account is not None and account.since else None

    @property
    def days(self) -> frozenset[str]:
        """Days whose hours are still told apart."""
        return frozenset(hour[:DAY] for one in self._accounts.values() for hour in one.hours)

    def sums(self) -> list[Delivery]:
        """Everything that is kept, without the play that is open: hours, and what lies before."""
        found = []
        for name, account in sorted(self._accounts.items()):
            hours = account.hours
            found += [Delivery(name, hour, **vars(sums)) for hour, sums in hours.items()]
            rest = _less(account.total, hours)
            if rest != NOTHING:
                found.append(Delivery(name, account.since, **vars(rest)))
        return found

    def _account(self, contract: str) -> _Account:
        return self._accounts.setdefault(contract, _Account())

    def _sums(self, contract: str) -> Sums:
        account = self._accounts.get(contract)
        return account.total if account is not None else NOTHING

    def _with_open(self, contract: str, sums: Sums, period: str) -> Sums:
        one = self._open
        if one is None or not one.hour.startswith(period):
            return sums
        long_s = one.creative.duration_s
        if one.creative.contract == contract:
            sums = sums.plus(Sums(plays=1, shown_s=long_s))
        return sums.plus(Sums(live_s=long_s)) if contract in one.live else sums

    def _remember(self, start: Start) -> None:
        self._starts.append(start)
        oldest_s = start.at_s - HOUR_S
        while len(self._starts) > LEAST_STARTS and self._starts[0].at_s < oldest_s:
            self._starts.popleft()
        self._note(start.creative, start.at_s)
        if start.contract is not None:
            self._note(f"/{start.contract}", start.at_s)
            of_contract = self._of_contract.setdefault(start.contract, deque(maxlen=STARTS_OF_ONE))
            of_contract.append(start.at_s)

    def _note(self, name: str, at_s: float) -> None:
        self._last.pop(name, None)
        self._last[name] = at_s
        if len(self._last) > MOST_IDS:
            oldest = next(iter(self._last))
            del self._last[oldest]
            if oldest.startswith("/"):
                self._of_contract.pop(oldest[1:], None)


def _less(total: Sums, hours: Mapping[str, Sums]) -> Sums:
    known = NOTHING
    for sums in hours.values():
        known = known.plus(sums)
    return Sums(
        total.plays - known.plays,
        max(0.0, round(total.shown_s - known.shown_s, 3)),
        max(0.0, round(total.live_s - known.live_s, 3)),
        total.impressions - known.impressions,
    )
