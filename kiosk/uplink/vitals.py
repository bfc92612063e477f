"""The health message: how this device does, as far as the state file and this process know."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from kiosk import __version__
from kiosk.clock import Clock
from kiosk.config import Settings
from kiosk.state import Outbox, Store, read_health
from kiosk.uplink.machine import disk_free_mb, temperature_c
from kiosk.wire import DocumentHealth, Health, OutboxHealth, StreamHealth, VisionHealth

log = logging.getLogger(__name__)

SILENT_PERIODS = 3
"""What the director said this many health periods ago, or before, is no news of now."""

SILENT_MIN_S = 180.0
"""The director is not called silent sooner than this, however short the period."""


STEP_BYTES = 2**20
"""The size of the state file is told in steps, rounded up: the open hour is in it, and to the page
it would say how many kinds of passes there were so far."""


@dataclass(frozen=True)
class Kept:
    """What the state file says.

    Attributes:
        director: what the director said last of vision and screens, and when (RFC 3339).
        outbox: what waits for head office.
    """

    director: tuple[dict[str, Any], str] | None
    outbox: OutboxHealth


def read_kept(store: Store) -> Kept:
    """Ask the state file."""
    outbox = Outbox(store)
    backlog, spans = outbox.backlog(), outbox.spans()
    held = {name: StreamHealth(lowest=one.lowest, next=one.next) for name, one in spans.items()}
    return Kept(
        director=read_health(store, "director"),
        outbox=OutboxHealth(
            epoch=store.epoch,
            waiting=backlog.waiting,
            unacknowledged=backlog.at_broker,
            kb=-(-outbox.used_bytes() // STEP_BYTES) * (STEP_BYTES // 1024),
            **held,
        ),
    )


class Cap:
    """Whether the state file is larger than it should be, told once each time it grows so large.

    Plays and hours are never dropped, so it may grow on: what is left out is health, and by its
    absence head office sees that something is wrong.
    """

    def __init__(self, most_mb: int) -> None:
        self._most_mb = most_mb
        self._over = False

    def exceeded(self, outbox: OutboxHealth) -> bool:
        """Whether it is so now."""
        over = outbox.kb > self._most_mb * 1024
        if over and not self._over:
            log.warning(
                "event=state_over_cap mb=%d cap=%d waiting=%d unacknowledged=%d: plays and hours "
                "are all kept, health is not sent until there is less; see why head office does "
                "not take them",
                outbox.kb // 1024,
                self._most_mb,
                outbox.waiting,
                outbox.unacknowledged,
            )
        if self._over and not over:
            log.info("event=state_below_cap mb=%d", outbox.kb // 1024)
        self._over = over
        return over


def health_message(
    kept: Kept,
    settings: Settings,
    clock: Clock,
    uptime_s: float,
    documents: tuple[DocumentHealth, DocumentHealth],
) -> Health:
    """The health of now.

    Args:
        kept: what the state file says.
        settings: the whole configuration.
        clock: the time.
        uptime_s: seconds since this process began.
        documents: which configuration and which campaign are at work.
    """
    at, said = clock.utc(), {}
    if kept.director is not None:
        silent = _is_silent(kept.director[1], at, settings.uplink.health_s)
        said = {} if silent else kept.director[0]
    config, campaign = documents
    return Health(
        at=at,
        version=__version__,
        uptime_s=max(0, int(uptime_s)),
        clock="set" if clock_is_known(settings, clock) else "unset",
        vision=_vision(said.get("vision")),
        resting=said.get("resting") is True,
        screens=_screens(said.get("screens")),
        outbox=kept.outbox,
        config=config,
        campaign=campaign,
        disk_free_mb=disk_free_mb(settings.state.path),
        temperature_c=temperature_c(),
    )


def clock_is_known(settings: Settings, clock: Clock) -> bool:
    """Whether the wall clock is to be believed: it was set, or the configuration vouches for it."""
    return settings.clock.trust == "always" or clock.is_set(settings.clock.marker)


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
