"""The fleet as of a moment ago, read once for all who look at it at the same time."""

from __future__ import annotations

from threading import Lock
from typing import cast

from fastapi import Request
from sqlalchemy import Connection

from kiosk.central.reading import Device, read_fleet
from kiosk.central.web.context import Web

FRESH_S = 3.0
"""Devices tell how they do about once a minute; a page may be this far behind."""


class FreshFleet:
    """The last look at the fleet."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._devices: tuple[Device, ...] = ()
        self._read_at: float | None = None

    def read(self, connection: Connection, web: Web) -> tuple[Device, ...]:
        """Every device, at most :data:`FRESH_S` old."""
        with self._lock:
            now = web.clock.monotonic()
            if self._read_at is None or now - self._read_at > FRESH_S:
                alerts = web.settings.central.alerts
                self._devices = read_fleet(connection, alerts, web.clock.utc())
                self._read_at = now
            return self._devices


def fleet_of(request: Request, connection: Connection, web: Web) -> tuple[Device, ...]:
    """Every device, as of a moment ago."""
    state = request.app.state
    if not hasattr(state, "fresh_fleet"):
        state.fresh_fleet = FreshFleet()
    return cast("FreshFleet", state.fresh_fleet).read(connection, web)
