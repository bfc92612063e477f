"""The health message: how this device does, as far as the state file and this process know."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from kiosk import __version__
from kiosk.state import Backlog
from kiosk.wire import Health, VisionHealth

log = logging.getLogger(__name__)

SILENT_PERIODS = 3
"""What the director said this many health periods ago, or before, is no news of now."""

SILENT_MIN_S = 180.0
"""The director is not called silent sooner than this, however short the period."""


def health_message(
    director: tuple[dict[str, Any], str] | None,
    backlog: Backlog,
    at: datetime,
    uptime_s: float,
    period_s: float,
) -> Health:
    """The health of now.

    Args:
        director: what the director said last of vision and screens, and when (RFC 3339).
        backlog: the state of the outbox.
        at: now, in UTC.
        uptime_s: seconds since this process began.
        period_s: seconds between two health messages.
    """
    said: dict[str, Any] = {}
    if director is not None and not _is_silent(director[1], at, period_s):
        said = director[0]
    return Health(
        at=at,
        version=__version__,
        uptime_s=max(0, int(uptime_s)),
        vision=_vision(said.get("vision")),
        screens=_screens(said.get("screens")),
        outbox_waiting=backlog.waiting,
        outbox_unacknowledged=backlog.at_broker,
    )


def _is_silent(said_at: str, at: datetime, period_s: float) -> bool:
    try:
        age_s = (at - datetime.fromisoformat(said_at)).total_seconds()
    except (TypeError, ValueError):
        return True
    return age_s > max(SILENT_PERIODS * period_s, SILENT_MIN_S)


def _vision(said: object) -> VisionHealth | None:
    if said is None:
        return None
    try:
        return VisionHealth.model_validate(said)
    except ValidationError as bad:
        log.debug("event=health_unreadable part=vision: %s", bad)
        return None


def _screens(said: object) -> int:
    return said if isinstance(said, int) and said >= 0 else 0
