"""Processes of devices, as their parent sees them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kiosk.bench.fleet.children import end, start_child
from kiosk.bench.fleet.devices import Task
from kiosk.errors import KioskError


class Gang:
    """One process that is a part of the fleet."""

    def __init__(self, task: Task, folder: Path) -> None:
        """Start it; it makes its payloads and then waits for :meth:`go`."""
        self._log = folder / f"devices-{task.first}.log"
        self._process = start_child(
            [sys.executable, "-m", "kiosk.bench.fleet.devices"],
            self._log,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._say(json.dumps(asdict(task)))
        self.said: dict[str, Any] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    @property
    def ready(self) -> bool:
        """Whether its payloads are made.

        Raises:
            KioskError: it has ended.
        """
        self._look()
        return bool(self.said)

    @property
    def finished(self) -> bool:
        """Whether head office has everything of it.

        Raises:
            KioskError: it has ended before.
        """
        done = bool(self.said.get("finished"))
        if not done:
            self._look()
        return done

    def go(self) -> None:
        """Let its devices send."""
        self._say("go")

    def storm(self) -> None:
        """All its connections end at once."""
        self._process.send_signal(signal.SIGUSR1)

    def close(self) -> None:
        """End it."""
        end(self._process)
        self._reader.join(1)

    def _look(self) -> None:
        if self._process.poll() not in (None, 0):
            said = self._log.read_text(encoding="utf-8", errors="replace")[-800:]
            raise KioskError(f"the simulated devices ended: {said}")

    def _say(self, line: str) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self.said = json.loads(line)
