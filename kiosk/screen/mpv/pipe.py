"""mpv's JSON IPC: commands and their answers, events, and a deadline on every answer."""

from __future__ import annotations

import itertools
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

ANSWER_S = 8.0
"""mpv's core answers between two frames; its longest work in between is to open a window:
seconds on a slow machine that starts everything at once."""

OPEN_S = 10.0
POLL_S = 0.02
READ_BYTES = 1 << 16
LINE_BYTES = 1 << 20

CLOSED: dict[str, Any] = {}
"""In place of an answer: there will be none."""


class PipeError(Exception):
    """mpv does not answer, or is gone."""


class RefusedError(Exception):
    """mpv answers that it will not."""


class Pipe:
    """One connection; whoever asks waits for the answer."""

    def __init__(self, path: Path, hear: Callable[[dict[str, Any]], None]) -> None:
        """Connect, as soon as mpv listens.

        Args:
            path: of its socket.
            hear: is told every event, in another thread; an event named ``closed`` is the last.

        Raises:
            PipeError: it does not listen in time.
        """
        self._hear = hear
        self._ids = itertools.count(1)
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._socket = _connected(path)
        self._reader = threading.Thread(target=self._read, name="mpv-pipe", daemon=True)
        self._reader.start()

    def ask(
        self,
        *command: object,
        named: Mapping[str, object] | None = None,
        within_s: float = ANSWER_S,
    ) -> Any:
        """The answer to a command.

        Args:
            command: its name and arguments.
            named: arguments by name, for the commands that want them so.
            within_s: for the answer.

        Raises:
            PipeError: there was none in time.
            RefusedError: mpv refuses.
        """
        number = next(self._ids)
        words: object = {"name": command[0], **named} if named else list(command)
        line = json.dumps({"command": words, "request_id": number}) + "\n"
        deadline = time.monotonic() + within_s
        try:
            self._socket.sendall(line.encode())
            while True:
                answer = self._answers.get(timeout=max(0.0, deadline - time.monotonic()))
                if answer is CLOSED:
                    # For whoever asks next.
                    self._answers.put(CLOSED)
                    raise PipeError("mpv has closed its socket")
                if answer.get("request_id") == number:
                    break
        except (OSError, queue.Empty) as bad:
            raise PipeError(f"mpv does not answer {command[0]}") from bad
        if answer.get("error") != "success":
            raise RefusedError(f"{command[0]}: {answer.get('error')}")
        return answer.get("data")

    def close(self) -> None:
        """Ask no more."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(ANSWER_S)
        self._socket.close()

    def _read(self) -> None:
        rest = b""
        with suppress(OSError, ValueError, TypeError):
            while chunk := self._socket.recv(READ_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > LINE_BYTES:
                    break
                for line in lines:
                    self._route(json.loads(line or b"{}"))
        self._answers.put(CLOSED)
        self._hear({"event": "closed"})

    def _route(self, said: Any) -> None:
        if not isinstance(said, dict):
            raise TypeError("an object is expected")
        if "event" in said:
            self._hear(said)
        elif "request_id" in said:
            self._answers.put(said)


def _connected(path: Path) -> socket.socket:
    deadline = time.monotonic() + OPEN_S
    while True:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(ANSWER_S)
        try:
            made.connect(str(path))
        except OSError as bad:
            made.close()
            if time.monotonic() > deadline:
                raise PipeError(f"mpv does not listen: {bad.strerror or bad}") from bad
            time.sleep(POLL_S)
        else:
            made.settimeout(None)
            return made
