"""What counts are kept under: an hour of UTC, or what is known of their time instead.

* ``2026-03-04T12:00:00Z``: an hour.
* ``boot/NAME/START+WIDTH``: seconds since the start of one run of the machine, whose time
  is not known.
* ``late/HOUR/N``: of an hour that was published before they came.
* ``between/FROM/TO/NAME``: of an earlier run of the machine, whose time cannot be known any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kiosk.clock import iso
from kiosk.wire import Between

HOUR_S = 3600

FINE_S = 60
"""Width of a stretch while the time is not known: an hour's border is at most this far off."""

NOTHING_KNOWN = "-"


@dataclass(frozen=True)
class Held:
    """A stretch of one run of the machine, in seconds since its start."""

    boot: str
    start_s: int
    width_s: int

    @property
    def middle_s(self) -> float:
        """The moment that stands for all of it."""
        return self.start_s + self.width_s / 2

    @property
    def end_s(self) -> int:
        """Where the next one begins."""
        return self.start_s + self.width_s


def hour_slot(number: int) -> str:
    """Label of the hour that began so many hours after 1970."""
    return iso(datetime.fromtimestamp(number * HOUR_S, UTC))


def late_slot(number: int, again: int) -> str:
    """For counts of an hour that was published before they came."""
    return f"late/{hour_slot(number)}/{again}"


def held_slot(boot: str, moment_s: float, *, fine: bool) -> str:
    """For counts of a moment of a run whose time is not known, in seconds since its start."""
    width_s = FINE_S if fine else HOUR_S
    start_s = int(moment_s // width_s) * width_s
    return f"boot/{boot}/{start_s}+{width_s}"


def between_slot(low_s: float | None, high_s: float, boot: str) -> str:
    """For counts of which only the bounds are known, in seconds from 1970."""
    low = NOTHING_KNOWN if low_s is None else iso(datetime.fromtimestamp(low_s, UTC))
    return f"between/{low}/{iso(datetime.fromtimestamp(high_s, UTC))}/{boot}"


def held(slot: str) -> Held | None:
    """The stretch that a slot names, if it names one."""
    if not slot.startswith("boot/"):
        return None
    boot, _, stretch = slot.removeprefix("boot/").rpartition("/")
    start, _, width = stretch.partition("+")
    return Held(boot, int(start), int(width))


def is_waiting(slot: str) -> bool:
    """Whether its time is still to be known."""
    return slot.startswith("boot/")


def hour_number(slot: str) -> int | None:
    """Hours from 1970 to a slot's hour, late or not; ``None`` when it names no hour."""
    if slot.startswith(("boot/", "between/")):
        return None
    label = slot.split("/")[1] if slot.startswith("late/") else slot
    return int(datetime.fromisoformat(label).timestamp()) // HOUR_S


def published_as(slot: str) -> tuple[datetime | None, Between | None]:
    """What is said of a slot's time when it is published: its hour, or what is known instead."""
    if slot.startswith("between/"):
        _, low, high, _ = slot.split("/", 3)
        lowest = None if low == NOTHING_KNOWN else datetime.fromisoformat(low)
        return None, Between(not_before=lowest, not_after=datetime.fromisoformat(high))
    if slot.startswith("late/"):
        start = datetime.fromisoformat(slot.split("/")[1])
        return None, Between(not_before=start, not_after=start + timedelta(seconds=HOUR_S))
    return datetime.fromisoformat(slot), None
