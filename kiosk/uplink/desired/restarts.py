"""Asking for a restart, without the right to do it: a file is touched, and root's unit looks."""

from __future__ import annotations

import logging
from pathlib import Path

log = logging.getLogger(__name__)

PROCESSES = ("vision", "director", "uplink")
"""In this order: whoever asks is restarted last."""

LEAD_S = 1.0
"""Between a reply and the restart that would cut it off."""


class Restarts:
    """Restarts that were asked for and are due soon."""

    def __init__(self, folder: Path) -> None:
        """Nothing is due.

        Args:
            folder: ``desired.folder``.
        """
        self._folder = folder / "restart"
        self._due: dict[str, float] = {}

    def ask(self, processes: tuple[str, ...], at: float) -> None:
        """Have processes restarted at a time, in monotonic seconds, or earlier."""
        for name in processes:
            self._due[name] = min(at, self._due.get(name, at))

    def turn(self, now: float) -> None:
        """Touch the files that are due."""
        for name in PROCESSES:
            if name in self._due and self._due[name] <= now:
                del self._due[name]
                self._touch(name)

    def _touch(self, name: str) -> None:
        log.info("event=restart_asked process=%s", name)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # Written in its place and closed: that is what the path unit waits for.
            (self._folder / name).write_bytes(b"restart\n")
        except OSError as bad:
            log.error(
                'event=restart_not_asked process=%s reason="%s": restart it by hand; see who may'
                " write %s",
                name,
                bad.strerror or bad,
                self._folder,
            )
