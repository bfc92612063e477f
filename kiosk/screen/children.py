"""A program that the session runs: it ends with us, and all of it ends when it is ended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from kiosk.errors import KioskError

KILL_WAIT_S = 5.0


def needed(program: str, hint: str) -> None:
    """Refuse to begin without a program.

    Raises:
        KioskError: it is not installed.
    """
    if shutil.which(program) is None:
        raise KioskError(f"{program}: there is no such program, and the screen needs it", hint=hint)


class Child:
    """A process group of its own."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], stderr: IO[bytes] | None = None
    ) -> None:
        """Start it.

        Args:
            command: program and arguments.
            env: all that it sees of the environment.
            stderr: where its complaints go; by default to ours.
        """
        # The kernel ends it when we are killed and can no longer do so.
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            cwd="/",
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Of its first process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """It has not ended."""
        return self._process.poll() is None

    @property
    def ended_by(self) -> str:
        """How it ended, in words for the journal."""
        code = self._process.poll()
        if code is None:
            return "still running"
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def end(self, patience_s: float) -> None:
        """End all of it; what has not gone after ``patience_s`` is killed, stopped or not."""
        if patience_s > 0 and self.alive:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_s)
        self._signal(signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_WAIT_S)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
