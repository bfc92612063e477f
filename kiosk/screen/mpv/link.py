"""The director's WebSocket, as a page has it: JSON both ways, and back again for ever."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

RETRY_MIN_S = 0.5
RETRY_MAX_S = 5.0
OPEN_S = 5.0
"""A stopped director still accepts TCP (the kernel does); what never opens is given up."""

SILENT_S = 10.0
"""An answer to a ping; the same after a director that stopped."""

CLOSE_S = 1.0
MESSAGE_BYTES = 1 << 22


def retry_s(attempt: int, draw: Callable[[], float] = random.random) -> float:
    """Seconds before the given attempt: up to twice as long each time, at random."""
    ceiling = min(RETRY_MAX_S, RETRY_MIN_S * 2.0 ** (min(attempt, 10) + 1))
    return RETRY_MIN_S + draw() * (ceiling - RETRY_MIN_S)


class Link:
    """A thread that connects and reads; anybody may send."""

    def __init__(self, url: str, hear: Callable[[str, Any], None]) -> None:
        """Begin to connect.

        Args:
            url: of the WebSocket.
            hear: is told ``opened``, ``closed``, or ``message`` with its object, in another thread.
        """
        self._url = url
        self._hear = hear
        self._stop = threading.Event()
        self._connection: ClientConnection | None = None
        self._thread = threading.Thread(target=self._run, name="mpv-link", daemon=True)
        self._thread.start()

    def send(self, message: dict[str, Any]) -> bool:
        """Whether it left."""
        connection = self._connection
        if connection is None:
            return False
        try:
            connection.send(json.dumps(message))
        except (OSError, WebSocketException):
            return False
        return True

    def close(self) -> None:
        """Connect no more."""
        self._stop.set()
        connection = self._connection
        if connection is not None:
            connection.close()
        self._thread.join(OPEN_S + CLOSE_S)

    def _run(self) -> None:
        attempt = 0
        while not self._stop.is_set():
            if self._read_on():
                attempt = 0
            self._stop.wait(retry_s(attempt))
            attempt += 1

    def _read_on(self) -> bool:
        """One connection, until it goes; whether there was one."""
        try:
            connection = connect(
                self._url,
                # A proxy of the environment has no business between two programs of one machine.
                proxy=None,
                compression=None,
                open_timeout=OPEN_S,
                ping_interval=SILENT_S / 2,
                ping_timeout=SILENT_S,
                close_timeout=CLOSE_S,
                max_size=MESSAGE_BYTES,
            )
        except (OSError, WebSocketException):
            return False
        self._connection = connection
        self._hear("opened", None)
        try:
            for text in connection:
                self._hear_text(text)
        except (OSError, WebSocketException):
            pass
        finally:
            self._connection = None
            connection.close()
            self._hear("closed", None)
        return True

    def _hear_text(self, text: str | bytes) -> None:
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return
        if isinstance(said, dict):
            self._hear("message", said)
