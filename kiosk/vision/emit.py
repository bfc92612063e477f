"""Records to the director's socket: never blocks, never buffers more than the socket does."""

from __future__ import annotations

import logging
import socket
import time
from pathlib import Path
from typing import Callable

log = logging.getLogger(__name__)

RETRY_S = 0.5
"""Between two tries to reach a director that is not there."""


class SocketEmitter:
    """A stream of JSON lines to a Unix socket that may come and go.

    When the director is away or slow a record is dropped whole: the next one says everything that
    the director needs.
    """

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = str(path)
        self._monotonic = monotonic
        self._socket: socket.socket | None = None
        self._rest = b""
        self._next_try = float("-inf")
        self.dropped = 0

    def __call__(self, line: bytes) -> None:
        """Send one line, or drop it."""
        if self._socket is None and not self._connect():
            self.dropped += 1
            return
        if self._rest:
            # The tail of a line that was cut by a full buffer has to go first.
            self._send(b"")
            if self._rest or self._socket is None:
                self.dropped += 1
                return
        self._send(line)

    def reach(self) -> None:
        """Be connected without a word: a director that hears nothing then knows that we live."""
        if self._socket is not None:
            self._send(b"")
        if self._socket is None:
            self._connect()

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._rest = b""

    def _connect(self) -> bool:
        now = self._monotonic()
        if now < self._next_try:
            return False
        self._next_try = now + RETRY_S
        attempt = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # A director that hangs with a full queue of callers would keep a blocking call for ever.
        attempt.setblocking(False)
        try:
            attempt.connect(self._path)
        except OSError:
            attempt.close()
            return False
        self._socket = attempt
        log.info("event=director_connected socket=%s", self._path)
        return True

    def _send(self, data: bytes) -> None:
        if self._socket is None:
            return
        data = self._rest + data
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            log.warning("event=director_lost socket=%s", self._path)
            self.close()
            self.dropped += 1 if data else 0
            return
        # A line that was not begun is dropped; one that was begun must be finished.
        begun = sent > 0 or bool(self._rest)
        self._rest = data[sent:] if begun else b""
        self.dropped += 0 if begun or not data else 1
