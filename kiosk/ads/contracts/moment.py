"""A moment of a choice: one instant, told by three clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Moment:
    """When a choice is made.

    Attributes:
        utc: aware.
        local: the same instant by the store's clock, aware.
        now_s: monotonic seconds, for gaps.
    """

    utc: datetime
    local: datetime
    now_s: float

    @staticmethod
    def of(utc: datetime, zone: str, now_s: float) -> Moment:
        """The moment in the zone of the store."""
        return Moment(utc, utc.astimezone(ZoneInfo(zone)), now_s)

    @property
    def day(self) -> date:
        """The day in the store."""
        return self.local.date()

    @cached_property
    def hour(self) -> str:
        """The hour in the store, as sums are kept under: ``2026-03-04T13+0100``.

        The hour that a change of the clock repeats is two, told apart by their offsets.
        """
        return self.local.strftime("%Y-%m-%dT%H%z")
