"""mpv as the screen session starts it, on X instead of Wayland."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import psutil

from kiosk.errors import KioskError
from kiosk.screen import Mpv


class MpvOnX:
    """mpv and its client; the client is a thread of this process and not in the sums."""

    def __init__(self, scratch: Path) -> None:
        """Start nothing yet.

        Args:
            scratch: a folder for its socket and its media.
        """
        self._scratch = scratch
        self._running: Mpv | None = None

    def start(self, display: str, size: tuple[int, int], url: str) -> None:
        """Fill the display; without a window manager full screen means nothing, so say its size."""
        if shutil.which("mpv") is None:
            raise KioskError("mpv is not installed", hint="apt install mpv")
        env = {key: value for key, value in os.environ.items() if key != "WAYLAND_DISPLAY"}
        env |= {"DISPLAY": display, "HOME": str(self._scratch)}
        geometry = f"--geometry={size[0]}x{size[1]}+0+0"
        self._running = Mpv(self._scratch, env, extra=(geometry,))
        self._running.start("", url)

    def memory_mb(self) -> float:
        """Of mpv."""
        return self._sum(lambda one: one.memory_full_info().pss) / (1 << 20)

    def cpu_s(self) -> float:
        """Of mpv."""
        return self._sum(lambda one: sum(one.cpu_times()[:2]))

    def end(self) -> None:
        """Close it."""
        if self._running is not None:
            self._running.end()

    def _sum(self, figure: Callable[[psutil.Process], float]) -> float:
        pid = self._running.pid if self._running is not None else None
        if pid is None:
            return 0.0
        try:
            first = psutil.Process(pid)
            return sum(figure(one) for one in (first, *first.children(recursive=True)))
        except psutil.NoSuchProcess:
            return 0.0
