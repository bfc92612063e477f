"""What the device says of itself on the spot: of the machine, and of nobody in front of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kiosk import __version__
from kiosk.audience import Audience
from kiosk.config import Settings, is_within
from kiosk.player import Play


@dataclass(frozen=True)
class Presented:
    """Plays that a screen has confirmed since the start.

    Attributes:
        count: how many.
        until_s: monotonic time at which the last one was or is due to end.
    """

    count: int = 0
    until_s: float = -math.inf

    def with_play(self, play: Play, now_s: float) -> Presented:
        """One more has begun."""
        return Presented(self.count + 1, now_s + play.choice.creative.duration_s)

    def age_s(self, now_s: float) -> float | None:
        """Seconds since one was due on screen, 0 while one is; ``None`` when none ever was."""
        return max(0.0, now_s - self.until_s) if self.count else None


@dataclass(frozen=True)
class Status:
    """The answer to ``GET /status``.

    Attributes:
        now: UTC, for the off hours.
        now_s: monotonic time.
        began_s: monotonic time at which the director began.
        audience: of which only vision's state and the age of its word are told.
        pages: screen pages that are connected.
        main: the one that speaks stands on the shop's display.
        beat_age_s: seconds since the page that speaks said that it draws.
        presented: plays that it confirmed.
        aiming: the aiming page covers what plays, so that it confirms none.
    """

    settings: Settings
    now: datetime
    now_s: float
    began_s: float
    audience: Audience
    pages: int
    main: bool
    beat_age_s: float | None
    presented: Presented
    aiming: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As it is told."""
        off_hours, zone = self.settings.vision.off_hours, self.settings.device.timezone
        resting, age_s = is_within(off_hours, self.now, zone), self.audience.age_s
        return {
            "version": __version__,
            "uptime_s": round(self.now_s - self.began_s, 1),
            "vision": {
                "state": "resting" if resting else self.audience.state,
                "age_s": round(age_s, 2) if math.isfinite(age_s) else None,
            },
            "screen": {
                **({"aiming": True} if self.aiming else {}),
                "pages": self.pages,
                "main": self.main,
                "beat_age_s": _rounded(self.beat_age_s),
                "presented": self.presented.count,
                "presented_age_s": _rounded(self.presented.age_s(self.now_s)),
            },
        }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
