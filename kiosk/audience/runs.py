"""Runs of the machine: what each of them knew of the time, and what those around it tell of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kiosk.audience.slots import Held
from kiosk.audience.timekeeper import Timekeeper


@dataclass(frozen=True)
class Run:
    """One run of the machine, as far as its time is known.

    Attributes:
        boot: its name.
        last_s: seconds since its start up to which it is known to have lasted.
        offset_s: seconds from 1970 in UTC to its start; ``None``: its time was never known.
    """

    boot: str
    last_s: float
    offset_s: float | None


@dataclass(frozen=True)
class Bounds:
    """Between when something was, in seconds from 1970; ``low_s`` may not be known."""

    low_s: float | None
    high_s: float


class Runs:
    """The present run and those before it."""

    def __init__(self, keeper: Timekeeper, boot: str, earlier: Sequence[Run]) -> None:
        """Know them.

        Args:
            keeper: of the present run.
            boot: name of the present run.
            earlier: those before, oldest first.
        """
        self._keeper = keeper
        self._boot = boot
        self._earlier = tuple(earlier)

    def moment_s(self, stretch: Held) -> float | None:
        """When a stretch was, in seconds from 1970, if its run knew the time."""
        if stretch.boot == self._boot:
            offset_s = self._keeper.offset_s
        else:
            known = (run.offset_s for run in self._earlier if run.boot == stretch.boot)
            offset_s = next(known, None)
        return None if offset_s is None else offset_s + stretch.middle_s

    def around(self, boot: str, now_s: float) -> Bounds:
        """Between which runs that knew the time an earlier one was, that did not."""
        at = self._place(boot)
        begins = [run.offset_s for run in self._earlier[at + 1 :] if run.offset_s is not None]
        begins.append(now_s if self._keeper.offset_s is None else self._keeper.offset_s)
        high_s = min(begins)
        ends = [run.offset_s + run.last_s for run in self._earlier[: max(at, 0)] if run.offset_s]
        # A run whose clock was wrong may end after the next one began: it tells nothing.
        return Bounds(max((end for end in ends if end <= high_s), default=None), high_s)

    def within(self, stretch: Held, now_s: float) -> Bounds:
        """The same for one stretch of that run, which lasted as long as it did."""
        run, at = self.around(stretch.boot, now_s), self._place(stretch.boot)
        lasted_s = self._earlier[at].last_s if at >= 0 else 0.0
        low_s = None if run.low_s is None else run.low_s + stretch.start_s
        high_s = run.high_s - max(0.0, lasted_s - stretch.end_s)
        return Bounds(low_s, high_s) if low_s is None or low_s <= high_s else run

    def _place(self, boot: str) -> int:
        # One that is not remembered was before all that are.
        names = [run.boot for run in self._earlier]
        return names.index(boot) if boot in names else -1
