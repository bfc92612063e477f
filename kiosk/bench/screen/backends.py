"""What can show plays: something that is told a display and a page, and can be ended."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psutil

from kiosk.bench.screen.mpv import MpvOnX
from kiosk.errors import KioskError
from kiosk.screen import browser_command

PATIENCE_S = 5.0


class Backend(Protocol):
    """A program that shows the plays which the page's server tells it of."""

    def start(self, display: str, size: tuple[int, int], url: str) -> None:
        """Show what the server at ``url`` tells, all over the display.

        Raises:
            KioskError: it is not installed.
        """
        ...

    def memory_mb(self) -> float:
        """Proportional set size of all its processes."""
        ...

    def cpu_s(self) -> float:
        """Processor time of all its processes so far."""
        ...

    def end(self) -> None:
        """Show nothing more."""
        ...


class Chromium:
    """The browser as the screen session starts it, on X instead of Wayland."""

    def __init__(self, scratch: Path) -> None:
        """Start nothing yet.

        Args:
            scratch: a folder for its profile.
        """
        self._scratch = scratch
        self._running: subprocess.Popen[bytes] | None = None

    def start(self, display: str, size: tuple[int, int], url: str) -> None:
        """Open the page, as large as the display."""
        program = shutil.which("chromium")
        if program is None:
            raise KioskError("chromium is not installed", hint="apt install chromium")
        *command, page = browser_command(program, self._scratch / "profile", url)
        command += ["--ozone-platform=x11", "--window-position=0,0"]
        command += [f"--window-size={size[0]},{size[1]}"]
        if os.geteuid() == 0:
            # Its sandbox refuses root, as whom a bench in a container runs.
            command.append("--no-sandbox")
        with (self._scratch / "browser.log").open("wb") as log:
            self._running = subprocess.Popen(
                [*command, page], env={**os.environ, "DISPLAY": display}, stdout=log, stderr=log
            )

    def memory_mb(self) -> float:
        """Of the browser and its renderers."""
        return sum(_pss_kb(one.pid) for one in self._processes()) / 1024

    def cpu_s(self) -> float:
        """Of the browser and its renderers."""
        total = 0.0
        for one in self._processes():
            try:
                times = one.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return total

    def end(self) -> None:
        """Close it."""
        if self._running is None:
            return
        self._running.terminate()
        try:
            self._running.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait(PATIENCE_S)

    def _processes(self) -> list[psutil.Process]:
        if self._running is None:
            return []
        try:
            first = psutil.Process(self._running.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


BACKENDS: dict[str, Callable[[Path], Backend]] = {"chromium": Chromium, "mpv": MpvOnX}
"""By the name that the command takes."""
