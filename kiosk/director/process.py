"""The director process: signals, event loop, director."""

from __future__ import annotations

import asyncio
import threading

from kiosk.clock import Clock, SystemClock
from kiosk.config import Settings
from kiosk.director.director import Director
from kiosk.service import Heartbeat

STOP_POLL_S = 0.1


def run(settings: Settings, stop: threading.Event, clock: Clock | None = None) -> None:
    """Direct until ``stop`` is set.

    Raises:
        PortInUseError: another program has the page's port.
        StateError: the state file or the socket cannot be opened.
    """
    asyncio.run(_run(settings, stop, clock or SystemClock()))


async def _run(settings: Settings, stop: threading.Event, clock: Clock) -> None:
    director = Director(settings, clock, Heartbeat())
    stopping = asyncio.Event()
    watcher = asyncio.create_task(_watch(stop, stopping))
    try:
        await director.run(stopping)
    finally:
        watcher.cancel()


async def _watch(stop: threading.Event, stopping: asyncio.Event) -> None:
    while not stop.is_set():
        await asyncio.sleep(STOP_POLL_S)
    stopping.set()
