"""The open hours: every count in exactly one of them, whatever the clock does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kiosk.audience.counts import Counts, joined
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


@dataclass(frozen=True)
class Run:
    """One run of the machine, as far as its time is known.

    Attributes:
        boot: its name.
        last_s: monotonic seconds up to which it is known to have lasted.
        offset_s: seconds from 1970 in UTC to its origin; ``None``: its time was never known.
    """

    boot: str
    last_s: float
    offset_s: float | None


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
        self._earlier = tuple(earlier)
        self._dirty: set[str] = set()

    def slot(self, now_s: float) -> str:
        """Where counts of a monotonic moment of this run belong."""
        now = self._keeper.utc(now_s)
        return held_slot(self._boot, now_s) if now is None else self._of(now.timestamp())

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

    def add(self, counts: Mapping[str, int], now_s: float) -> None:
        """Add one pass's counts, or another event's, to the present slot."""
        self._join(self._hours, self.slot(now_s), counts)

    def open(self, now_s: float, creatives: Iterable[str] = ()) -> str:
        """Make sure that the present slot exists, if only with zeros, and return it.

        Every creative that might be played gets its cell, so that which names are published says
        nothing of who was there.
        """
        slot = self.slot(now_s)
        known = self._hours.get(slot, {})
        cells = ["passes", *(f"creative/{name}/plays" for name in creatives)]
        if missing := [cell for cell in cells if cell not in known]:
            self._join(self._hours, slot, dict.fromkeys(missing, 0))
        return slot

    def take_over(self, hours: Mapping[str, Mapping[str, int]]) -> None:
        """Add counts that were taken without knowing this book, each to its own slot if it can."""
        for slot, counts in hours.items():
            number = hour_number(slot)
            closed = slot in self._published and number is not None
            self._join(self._hours, self._of((number or 0) * HOUR_S) if closed else slot, counts)

    def everything(self) -> dict[str, Counts]:
        """Counts of every open slot."""
        return {slot: dict(counts) for slot, counts in self._hours.items()}

    def present(self, now_s: float) -> Counts:
        """Counts of the present slot."""
        return dict(self._hours.get(self.slot(now_s), {}))

    def unsaved(self) -> dict[str, Counts]:
        """Slots that changed since they were last saved, which this call takes as saved."""
        changed = {slot: dict(self._hours[slot]) for slot in self._dirty if slot in self._hours}
        self._dirty.clear()
        return changed

    def place(self, now_s: float) -> Moves | None:
        """Once the time is known, give counts that waited for it to their hours.

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
        for slot, target in targets.items():
            self._join(self._hours, target, self._hours.pop(slot))
        joined = {target: dict(self._hours[target]) for target in targets.values()}
        self._dirty -= {*targets, *joined}
        return Moves(tuple(targets), joined)

    def _target(self, slot: str, now_s: float) -> str | None:
        """Where a slot's counts belong, when that is elsewhere."""
        stretch = held(slot)
        if stretch is not None:
            return self._place_held(stretch, now_s)
        number = hour_number(slot)
        if number is not None and number * HOUR_S > now_s + SETTLE_S:
            # Time does not go back: whatever named an hour to come was wrong when it did.
            over = [hour_number(one) or 0 for one in self._published if "/" not in one]
            ends = [(one + 1) * HOUR_S for one in over]
            return self._between(max((e for e in ends if e <= now_s), default=None), now_s)
        return None

    def _place_held(self, stretch: Held, now_s: float) -> str:
        offset_s = self._offset_s(stretch.boot)
        if offset_s is not None:
            return self._of(offset_s + stretch.middle_s)
        low_s, high_s, lasted_s = self._around(stretch.boot, now_s)
        first_s = None if low_s is None else low_s + stretch.start_s
        last_s = high_s - max(0.0, lasted_s - stretch.end_s)
        if first_s is not None and first_s // HOUR_S == last_s // HOUR_S:
            return self._of(first_s)
        # One release for all that the run has seen: a release each would drown in its noise.
        return self._between(low_s, high_s, stretch.boot)

    def _offset_s(self, boot: str) -> float | None:
        if boot == self._boot:
            return self._keeper.offset_s
        return next((run.offset_s for run in self._earlier if run.boot == boot), None)

    def _around(self, boot: str, now_s: float) -> tuple[float | None, float, float]:
        """What is known of an earlier run.

        Returns:
            When the last run before it that knew the time was still at work, and when the first
            one after it began, in seconds from 1970; and how long it lasted.
        """
        names = [run.boot for run in self._earlier]
        # One that is not remembered was before all that are.
        at = names.index(boot) if boot in names else -1
        ends = [r.offset_s + r.last_s for r in self._earlier[: max(at, 0)] if r.offset_s]
        begins = [r.offset_s for r in self._earlier[at + 1 :] if r.offset_s]
        begins.append(self._keeper.offset_s or now_s)
        return max(ends, default=None), min(begins), self._earlier[at].last_s if at >= 0 else 0.0

    def _between(self, low_s: float | None, high_s: float, boot: str = "") -> str:
        slot = between_slot(low_s, high_s, boot or self._boot)
        while slot in self._published:
            high_s += 1
            slot = between_slot(low_s, high_s, boot or self._boot)
        return slot

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

    def _join(self, hours: dict[str, Counts], slot: str, counts: Mapping[str, int]) -> None:
        hours[slot] = joined(hours.get(slot, {}), counts)
        self._dirty.add(slot)


def _is_over(slot: str, present: int) -> bool:
    if held(slot) is not None:
        return False
    number = hour_number(slot)
    return number is None or number < present
