"""Which frames are worth looking at: all while somebody is there, few else, fewer when hot."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Callable, Optional

import numpy as np

from kiosk.config import PaceSettings
from kiosk.vision.faces import Image

log = logging.getLogger(__name__)

MOTION_STEP_PX = 16
"""Every so many pixels of a row and a column are compared with the frame before."""

MOTION_LEVELS = 24
"""Change of a pixel, of 255, that is more than a camera's noise."""

COOLED_C = 3.0

THERMAL_ZONES = Path("/sys/class/thermal")
RASPBERRY_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
THROTTLED_NOW = 0xF
"""Bits of the Raspberry Pi firmware's word that speak of the present: voltage, clock, heat."""


class Pace:
    """Chooses frames by who is there, by motion in an empty view, and by the board's heat."""

    def __init__(
        self,
        settings: PaceSettings,
        temperature_c: Optional[Callable[[], Optional[float]]] = None,
    ) -> None:
        """Start at full rate.

        Args:
            settings: rates and temperatures.
            temperature_c: the hottest part now, if it is known.
        """
        self._settings = settings
        self._temperature_c = temperature_c or hottest_c
        self._looked_s = float("-inf")
        self._due_s = float("-inf")
        self._somebody_s = float("-inf")
        self._asked_s = float("-inf")
        self._slowed = 1.0
        self._before: Optional[Image] = None

    @property
    def idle(self) -> bool:
        """Nobody has been there for a while."""
        return self._looked_s - self._somebody_s > self._settings.idle_after_s

    def wants(self, image: Image, t_s: float) -> bool:
        """Whether to look at a uint8 BGR frame taken at ``t_s`` (monotonic seconds)."""
        self._mind_heat(t_s)
        s = self._settings
        # A camera's frames come a little early and late: a third of one is no reason to drop one.
        if t_s < self._due_s - self._period_s / 3:
            return False
        if not self.idle:
            return True
        return self._moved(image) or t_s - self._looked_s >= 1 / s.idle_fps

    def looked(self, somebody: bool, t_s: float) -> None:
        """A frame was looked at, and there was somebody, or not."""
        first = self._looked_s == float("-inf")
        self._looked_s = t_s
        # Counted from when it was due, so that a little more or less does not change the rate.
        self._due_s = max(self._due_s + self._period_s, t_s)
        if somebody or first:
            self._somebody_s = t_s
            self._before = None

    @property
    def _period_s(self) -> float:
        return self._slowed / self._settings.full_fps

    def _moved(self, image: Image) -> bool:
        now = image[::MOTION_STEP_PX, ::MOTION_STEP_PX, 1]
        before, self._before = self._before, now.copy()
        if before is None or before.shape != now.shape:
            return True
        changed = np.abs(now.astype(np.int16) - before) > MOTION_LEVELS
        return float(changed.mean()) >= self._settings.motion_share

    def _mind_heat(self, t_s: float) -> None:
        s = self._settings
        if t_s - self._asked_s < s.heat_check_s:
            return
        self._asked_s = t_s
        found_c = self._temperature_c()
        slowed = 1.0
        # It has to cool by a little before it is believed to be cool.
        margin_c = COOLED_C if self._slowed > 1 else 0.0
        if found_c is not None and found_c >= s.warm_c - margin_c:
            slowed = 4.0 if found_c >= s.hot_c else 2.0
        if slowed > self._slowed:
            log.warning("event=vision_slowed temperature_c=%.0f factor=%.0f", found_c, slowed)
        elif slowed < self._slowed:
            log.info("event=vision_cooled temperature_c=%.0f", found_c or 0)
        self._slowed = slowed


def hottest_c() -> Optional[float]:
    """Temperature of the hottest zone; a board that slows itself down counts as hot."""
    try:
        word = int(RASPBERRY_THROTTLED.read_text().strip(), 16)
    except (OSError, ValueError):
        word = 0
    if word & THROTTLED_NOW:
        return float("inf")
    found = [_milli_c(zone) / 1000 for zone in THERMAL_ZONES.glob("thermal_zone*/temp")]
    return max(found, default=None)


def _milli_c(zone: Path) -> int:
    try:
        return int(zone.read_text())
    except (OSError, ValueError):
        return 0
