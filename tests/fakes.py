"""Time that a test moves by hand, and people who are easy to describe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kiosk.vision import Viewer, VisionRecord

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@dataclass
class FakeClock:
    """Monotonic and wall time, which only go together until the wall clock is set."""

    wall: datetime = NOON
    seconds: float = 1000.0
    boot: str = "boot-1"
    synchronised: bool = True

    def monotonic(self) -> float:
        return self.seconds

    def utc(self) -> datetime:
        return self.wall

    def since_boot(self) -> float:
        return self.seconds

    def is_set(self, _marker: Path) -> bool:
        return self.synchronised

    def restart(self, boot: str, seconds: float = 5.0, wall: datetime | None = None) -> None:
        """The machine boots: its monotonic clock begins anew."""
        self.boot, self.seconds = boot, seconds
        self.wall = wall or self.wall

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)

    def set_wall(self, moment: datetime) -> None:
        self.wall = moment


def viewer(name: str = "a", first_s: float = 0.0, last_s: float = 10.0, **changes: Any) -> Viewer:
    """A woman of 30 in a good mood who looks at the screen."""
    values: dict[str, Any] = {
        "id": name,
        "first_s": first_s,
        "last_s": last_s,
        "box": (0.1, 0.1, 0.2, 0.3),
        "looking": True,
        "age_band": "25-34",
        "age_p": 0.9,
        "gender": "female",
        "gender_p": 0.95,
        "mood": "happy",
        "mood_p": 0.8,
        "minor_possible": False,
        "live": True,
    }
    return Viewer(**{**values, **changes})


def record(t_s: float, *viewers: Viewer, frames: int = 1) -> VisionRecord:
    return VisionRecord(t_s, frames, 15.0, 20.0, "CPU", "people.mp4", viewers)
