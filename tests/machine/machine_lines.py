"""The two lines into an emulated machine: to the emulator, and to an agent within.

Both speak one JSON object a line. The emulator's (QMP) also tells events; the agent's (QGA) runs
commands as root.
"""

from __future__ import annotations

import base64
import json
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any


class SilentError(AssertionError):
    """No answer within the deadline."""


class Line:
    """A socket on which each line is a JSON object."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._rest = b""
        self.events: list[dict[str, Any]] = []

    def send(self, execute: str, **arguments: Any) -> None:
        """Say something, without waiting for the answer."""
        said: dict[str, Any] = {"execute": execute}
        if arguments:
            said["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
        self._socket.settimeout(30)
        self._socket.sendall(json.dumps(said).encode() + b"\n")

    def ask(self, execute: str, deadline_s: float = 30, **arguments: Any) -> Any:
        """Say something, and return the answer; events that come before it are kept."""
        self.send(execute, **arguments)
        return self.answer(deadline_s)

    def answer(self, deadline_s: float) -> Any:
        """The next answer."""
        until = time.monotonic() + deadline_s
        while True:
            told = self._next(until)
            if "return" in told:
                return told["return"]
            assert "error" not in told, told["error"]
            self.events.append(told)

    def wait_for_event(self, name: str, deadline_s: float) -> dict[str, Any]:
        """The next event of a name, those that came before included."""
        until = time.monotonic() + deadline_s
        while True:
            for told in self.events:
                if told.get("event") == name:
                    self.events.remove(told)
                    return told
            self.events.append(self._next(until))

    def greet(self) -> None:
        """What the emulator wants to hear before anything else."""
        self.events.append(self._next(time.monotonic() + 30))
        self.ask("qmp_capabilities")

    def close(self) -> None:
        self._socket.close()

    def _next(self, until: float) -> dict[str, Any]:
        while b"\n" not in self._rest:
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise SilentError("no answer in time")
            self._socket.settimeout(left_s)
            with suppress(TimeoutError):
                got = self._socket.recv(65536)
                if not got:
                    raise SilentError("the line was closed")
                self._rest += got
        line, _, self._rest = self._rest.partition(b"\n")
        # The agent marks the beginning of an answer by a byte that no JSON has.
        return dict(json.loads(line.rpartition(b"\xff")[2]))


class Agent(Line):
    """Commands as root within the machine."""

    def meet(self, deadline_s: float) -> None:
        """Wait until it answers, as after a boot.

        Raises:
            SilentError: it did not in time.
        """
        until, number = time.monotonic() + deadline_s, int(time.monotonic() * 1000)
        while time.monotonic() < until:
            number += 1
            with suppress(SilentError, AssertionError, ValueError, TimeoutError):
                self._rest = b""
                self.send("guest-sync-delimited", id=number)
                answered = time.monotonic() + 3
                while self.answer(max(0.0, answered - time.monotonic())) != number:
                    continue
                return
        raise SilentError(f"the machine's agent did not answer in {deadline_s:g} s")

    def run(
        self, *command: str, deadline_s: float, input_: str | None = None
    ) -> tuple[int, str, str]:
        """Run a command to its end: exit code, output, errors."""
        more = {"input_data": base64.b64encode(input_.encode()).decode()} if input_ else {}
        pid = self.ask(
            "guest-exec", path=command[0], arg=list(command[1:]), capture_output=True, **more
        )["pid"]
        until, pause_s = time.monotonic() + deadline_s, 0.05
        while True:
            told = self.ask("guest-exec-status", pid=pid)
            if told["exited"]:
                break
            if time.monotonic() > until:
                raise SilentError(f"{command}: not over in {deadline_s:g} s")
            time.sleep(pause_s)
            pause_s = min(0.5, pause_s * 1.5)
        output, errors = (
            base64.b64decode(told.get(key, "")).decode(errors="replace")
            for key in ("out-data", "err-data")
        )
        return told.get("exitcode", -told.get("signal", 0)), output, errors
