"""The open hours: every count in exactly one of them, whatever the clock does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kiosk.audience.counts import CLAMP, Counts, joined
from kiosk.audience.runs import Bounds, Run, Runs
from kiosk.audience.slots import (
    HOUR_S,
    Held,
    between_slot,
    held,
    held_slot,
    hour_number,
    hour_slot,
    late_slot,
)
from kiosk.audience.timekeeper import Timekeeper

SETTLE_S = 120.0
"""A clock that is corrected by less, around the end of an hour, neither reopens nor skips one."""

FINE_SLOTS = 1500
"""With more stretches waiting for the time than a day has minutes, the next ones are hours long."""

CREATIVE = "creative/"
PLAYS = "/plays"


@dataclass(frozen=True)
class Moves:
    """Counts that were given to other slots.

    Attributes:
        gone: slots that are no more.
        changed: slots that were joined, with all their counts.
    """

    gone: tuple[str, ...]
    changed: dict[str, Counts]


class HourBook:
    """The open hours of this device, in memory; at most those that were never published."""

    def __init__(
        self,
        keeper: Timekeeper,
        boot: str,
        open_hours: Mapping[str, Mapping[str, int]],
        published: Iterable[str],
        earlier: Sequence[Run] = (),
    ) -> None:
        """Go on from the state file.

        Args:
            keeper: knows the time, or that it is not known.
            boot: name of the machine's present run.
            open_hours: checkpointed counts by slot.
            published: every slot that was published.
            earlier: runs before the present one, oldest first.
        """
        self._keeper = keeper
        self._boot = boot
        self._hours: dict[str, Counts] = {hour: dict(c) for hour, c in open_hours.items()}
        self._published = set(published)
        self._runs = Runs(keeper, boot, earlier)
        self._dirty: set[str] = set()
        self._standing = self._standing_of(boot)

    def slot(self, now_s: float) -> str:
        """Where counts of a moment of this run belong, in seconds since its start."""
        now = self._keeper.utc(now_s)
        if now is not None:
            return self._of(now.timestamp())
        return held_slot(self._boot, now_s, fine=len(self._hours) < FINE_SLOTS)

    def _of(self, moment_s: float) -> str:
        """The slot of a moment in UTC; of one whose hour is published, what stands in for it."""
        number = int(moment_s // HOUR_S)
        if hour_slot(number) not in self._published:
            return hour_slot(number)
        if (number + 1) * HOUR_S - moment_s <= SETTLE_S:
            return self._of((number + 1) * HOUR_S)
        again = 1
        while late_slot(number, again) in self._published:
            again += 1
        return late_slot(number, again)

    def open(
        self, now_s: float, creatives: Iterable[str] = (), standing: Mapping[str, int] | None = None
    ) -> str:
        """Make sure that the present slot exists, if only with zeros, and return it.

        What might be played, and the clamps, stand in every slot, so that which names and scales
        are published says nothing of who was there.

        Args:
            now_s: seconds since the start of this run.
            creatives: ids of all that might be played now.
            standing: other cells that stand in every slot.
        """
        slot = self.slot(now_s)
        there = self._hours.get(slot)
        cells = dict(standing or {}) | {f"{CREATIVE}{name}{PLAYS}": 0 for name in creatives}
        # Stretches that wait for the time are many: of them, one has what all will get.
        known = self._standing if held(slot) is not None else (there or {})
        new = {cell: value for cell, value in cells.items() if known.get(cell, -1) < value}
        if held(slot) is not None:
            self._standing = joined(self._standing, new)
        if there is None or new:
            self._join(slot, {"passes": 0, **new})
        return slot

    def add(self, counts: Mapping[str, int], now_s: float) -> None:
        """Add one pass's counts, or another event's, to the present slot.

        Of a creative that does not stand there, because the campaign has changed since, nothing is
        added to the creative: its name would be published because somebody watched it.
        """
        slot = self.slot(now_s)
        known = self._standing if held(slot) is not None else self._hours.get(slot, {})
        offered = {
            cell: count
            for cell, count in counts.items()
            if not cell.startswith(CREATIVE) or f"{CREATIVE}{cell.split('/')[1]}{PLAYS}" in known
        }
        self._join(slot, offered)

    def take_over(self, hours: Mapping[str, Mapping[str, int]]) -> None:
        """Add counts that were taken without knowing this book, each to its own slot if it can."""
        for slot, counts in hours.items():
            number = hour_number(slot)
            closed = slot in self._published and number is not None
            self._join(self._of((number or 0) * HOUR_S) if closed else slot, counts)
        self._standing = self._standing_of(self._boot)

    def everything(self) -> dict[str, Counts]:
        """Counts of every open slot."""
        return {slot: dict(counts) for slot, counts in self._hours.items()}

    def named(self) -> dict[str, Counts]:
        """Counts of every open slot but those that wait for the time."""
        return {slot: dict(c) for slot, c in self._hours.items() if held(slot) is None}

    @property
    def waiting(self) -> int:
        """How many slots wait for the time."""
        return sum(held(slot) is not None for slot in self._hours)

    def present(self, now_s: float) -> Counts:
        """Counts of the present slot."""
        return dict(self._hours.get(self.slot(now_s), {}))

    def unsaved(self) -> dict[str, Counts]:
        """Slots that changed since they were last saved, which this call takes as saved."""
        changed = {slot: dict(self._hours[slot]) for slot in self._dirty if slot in self._hours}
        self._dirty.clear()
        return changed

    def save_again(self) -> None:
        """Nothing of what was saved is there any more: all of it is to be saved again."""
        self._dirty.update(self._hours)

    def place(self, now_s: float, leave_out: Callable[[datetime], bool]) -> Moves | None:
        """Once the time is known, give counts that waited for it to their hours.

        Args:
            now_s: seconds since the start of this run.
            leave_out: of a moment in UTC, whether nobody was to be counted then.

        Returns:
            What moved, to be written in one transaction; ``None`` when nothing did.
        """
        now = self._keeper.utc(now_s)
        if now is None:
            return None
        targets = {
            slot: target
            for slot in self._hours
            if (target := self._target(slot, now.timestamp())) is not None
        }
        if not targets:
            return None
        standing = {
            one.boot: self._standing_of(one.boot) for slot in targets if (one := held(slot))
        }
        for slot, target in targets.items():
            counts, stretch = self._hours.pop(slot), held(slot)
            if stretch is not None:
                counts = joined(self._wanted(counts, stretch, leave_out), standing[stretch.boot])
            self._join(target, counts)
        changed = {target: dict(self._hours[target]) for target in targets.values()}
        self._dirty -= {*targets, *changed}
        self._standing = {}
        return Moves(tuple(targets), changed)

    def _wanted(
        self, counts: Counts, stretch: Held, leave_out: Callable[[datetime], bool]
    ) -> Counts:
        moment_s = self._runs.moment_s(stretch)
        if moment_s is None or not leave_out(datetime.fromtimestamp(moment_s, UTC)):
            return counts
        of_nobody = ("plays", "notice_s")
        return {c: n for c, n in counts.items() if c in of_nobody or c.endswith(PLAYS)}

    def _target(self, slot: str, now_s: float) -> str | None:
        """Where a slot's counts belong, when that is elsewhere."""
        stretch = held(slot)
        if stretch is not None:
            return self._place_held(stretch, now_s)
        number = hour_number(slot)
        if number is not None and number * HOUR_S > now_s + SETTLE_S:
            # Time does not go back: whatever named an hour to come was wrong when it did.
            over = [hour_number(one) or 0 for one in self._published if "/" not in one]
            ends = [(one + 1) * HOUR_S for one in over if (one + 1) * HOUR_S <= now_s]
            return self._between(Bounds(max(ends, default=None), now_s), self._boot)
        return None

    def _place_held(self, stretch: Held, now_s: float) -> str:
        moment_s = self._runs.moment_s(stretch)
        if moment_s is not None:
            return self._of(moment_s)
        within = self._runs.within(stretch, now_s)
        if within.low_s is not None and within.low_s // HOUR_S == within.high_s // HOUR_S:
            return self._of(within.low_s)
        # One release for all that the run has seen: a release each would drown in its noise.
        return self._between(self._runs.around(stretch.boot, now_s), stretch.boot)

    def _between(self, bounds: Bounds, boot: str) -> str:
        high_s = bounds.high_s
        while (slot := between_slot(bounds.low_s, high_s, boot)) in self._published:
            high_s += 1
        return slot

    def _standing_of(self, boot: str) -> Counts:
        """What stands in every slot of a run that waits for the time."""
        cells: Counts = {}
        for slot, counts in self._hours.items():
            stretch = held(slot)
            if stretch is not None and stretch.boot == boot:
                standing = {c: n for c, n in counts.items() if c.startswith(CLAMP)}
                standing |= {c: 0 for c in counts if c.startswith(CREATIVE) and c.endswith(PLAYS)}
                cells = joined(cells, standing)
        return cells

    def over(self, now_s: float) -> list[str]:
        """Slots that are over and wait to be published."""
        now = self._keeper.utc(now_s)
        if now is None:
            return []
        present = int(now.timestamp() // HOUR_S)
        return [slot for slot in self._hours if _is_over(slot, present)]

    def close(self, slot: str) -> Counts:
        """Take out a slot that is to be published; nothing is ever added to it again."""
        self._dirty.discard(slot)
        self._published.add(slot)
        return self._hours.pop(slot)

    def _join(self, slot: str, counts: Mapping[str, int]) -> None:
        self._hours[slot] = joined(self._hours.get(slot, {}), counts)
        self._dirty.add(slot)


def _is_over(slot: str, present: int) -> bool:
    if held(slot) is not None:
        return False
    number = hour_number(slot)
    return number is None or number < present
