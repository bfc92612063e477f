"""Processors that are away, each tried again beside the frames, at longer and longer intervals."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import partial
from typing import Callable, Optional

from kiosk.config import InferenceSettings
from kiosk.errors import AcceleratorError
from kiosk.vision.aside import Aside
from kiosk.vision.engine import Engine, Processors, Wanted

log = logging.getLogger(__name__)

MOST_UNANSWERED = 3
"""Calls of a processor that never returned, from which it is left alone: each keeps its memory."""


@dataclass
class _Away:
    """When a processor went, and when it is tried again; seconds of the monotonic clock."""

    since_s: float
    wait_s: float
    due_s: float
    back_s: Optional[float] = None
    given_up: bool = False


@dataclass(frozen=True)
class Return:
    """A processor that works again, with what was loaded on it.

    Attributes:
        device: the processor.
        engines: for each file and size, as many as were wanted.
        away_s: how long it was away.
    """

    device: str
    engines: dict[Wanted, list[Engine]]
    away_s: float


class Comeback:
    """Tries processors again that were lost or refused.

    The wait doubles with every loss and every vain attempt, and begins anew with a processor that
    has worked for as long as the longest wait: one that comes and goes cannot take up the process.
    """

    def __init__(self, settings: InferenceSettings, processors: Processors) -> None:
        self._settings = settings
        self._processors = processors
        self._away: dict[str, _Away] = {}
        self._attempt: Optional[tuple[str, Aside[dict[Wanted, list[Engine]]]]] = None

    def lost(self, device: str) -> None:
        """A processor has just failed, or was refused when the models were loaded."""
        now, shortest = time.monotonic(), self._settings.retry_min_s
        before = self._away.get(device)
        wait_s = shortest
        if before is not None and before.back_s is not None:
            lasted = now - before.back_s >= self._settings.retry_max_s
            wait_s = shortest if lasted else self._longer(before)
        self._away[device] = _Away(now, wait_s, now + wait_s)

    def look(self, better: list[str], wanted: Callable[[], list[Wanted]]) -> Optional[Return]:
        """A processor that works again; else the next attempt is begun when it is due.

        Args:
            better: processors to go back to, the best first.
            wanted: says what has to run on one of them.
        """
        if self._attempt is None:
            self._begin(better, wanted)
            return None
        device, aside = self._attempt
        if not aside.over:
            return None
        self._attempt = None
        away = self._away[device]
        try:
            engines = aside.answer()
        except AcceleratorError as bad:
            away.wait_s = self._longer(away)
            away.due_s = time.monotonic() + away.wait_s
            reason = str(bad).removeprefix(f"{device}: ")
            log.info(
                "event=accelerator_away device=%s next_s=%g reason=%s", device, away.wait_s, reason
            )
            return None
        if device not in better:
            return None
        away.back_s = time.monotonic()
        return Return(device, engines, away.back_s - away.since_s)

    def _begin(self, better: list[str], wanted: Callable[[], list[Wanted]]) -> None:
        now = time.monotonic()
        for device in better:
            away = self._away.get(device)
            if away is None or away.due_s > now or self._is_given_up(device, away):
                continue
            self._attempt = (device, Aside(partial(self._try, device, wanted()), "comeback"))
            return

    def _is_given_up(self, device: str, away: _Away) -> bool:
        hanging = self._processors.hanging(device)
        if hanging >= MOST_UNANSWERED and not away.given_up:
            log.warning(
                "event=accelerator_given_up device=%s: %d calls never returned;"
                " unplug it and plug it in again, then restart kiosk-vision",
                device,
                hanging,
            )
        away.given_up = hanging >= MOST_UNANSWERED
        return away.given_up

    def _try(self, device: str, wanted: list[Wanted]) -> dict[Wanted, list[Engine]]:
        """Load everything, and have each of it look at something once."""
        engines: dict[Wanted, list[Engine]] = {}
        for file in wanted:
            engines.setdefault(file, []).append(self._processors.tried(file, device))
        return engines

    def _longer(self, away: _Away) -> float:
        return min(2 * away.wait_s, self._settings.retry_max_s)
