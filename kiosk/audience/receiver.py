"""The director's end of the socket on which vision speaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from kiosk.audience.checks import checked
from kiosk.clock import Clock
from kiosk.errors import BadInputError, StateError
from kiosk.vision import VisionRecord, decode_record

log = logging.getLogger(__name__)

LOST_AFTER_S = 1.5
"""A vision process that is away for longer is missed."""

LINE_LIMIT = 1 << 18
"""Bytes of the longest line: about a thousand viewers."""


class Receiver:
    """Listens for one vision process at a time; a newer one replaces one that fell silent.

    Attributes:
        latest: vision's last record of this connection, if any.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        on_record: Callable[[VisionRecord], None],
        on_gone: Callable[[], None],
        stale_s: float,
    ) -> None:
        self._path = path
        self._clock = clock
        self._on_record = on_record
        self._on_gone = on_gone
        self._stale_s = stale_s
        self._refused = False
        self._alert: asyncio.TimerHandle | None = None
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._received_s = float("-inf")
        self.latest: VisionRecord | None = None

    @property
    def connected(self) -> bool:
        """A vision process is connected."""
        return self._writer is not None

    def age_s(self) -> float:
        """Seconds since the last record; infinite when there was none."""
        return self._clock.monotonic() - self._received_s

    async def start(self) -> None:
        """Listen.

        Raises:
            StateError: the socket's folder cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Only one director runs at a time: a socket file that is there belongs to a dead one.
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(
                self._serve, path=str(self._path), limit=LINE_LIMIT
            )
            self._path.chmod(0o660)
        except OSError as bad:
            raise StateError(
                f"{self._path}: the audience socket cannot be made: {bad.strerror or bad}",
                hint="check audience.socket and its folder",
            ) from bad

    async def stop(self) -> None:
        """Stop listening and let vision go."""
        if self._server is None:
            return
        self._server.close()
        self._cancel_alert()
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            self._lost()
            self._cancel_alert()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._writer is not None and self.age_s() < self._stale_s:
            # Two that watch the same people would count each of them twice.
            if not self._refused:
                log.warning("event=second_vision_refused: another vision process is connected")
            self._refused = True
            writer.close()
            return
        if self._writer is not None:
            self._writer.close()
            self._lost()
        self._writer = writer
        self._refused = False
        self._cancel_alert()
        log.info("event=vision_connected")
        try:
            await self._read(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            if self._writer is writer:
                self._writer = None
                self._lost()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        refused = False
        while self._writer is writer:
            try:
                line = await reader.readline()
            except ValueError:
                log.error("event=record_refused reason=line longer than %d bytes", LINE_LIMIT)
                return
            if not line.endswith(b"\n") or self._writer is not writer:
                # The end, a line that its end has cut, or a word of a process that was replaced.
                return
            try:
                record = checked(decode_record(line))
            except (BadInputError, TypeError, RecursionError) as bad:
                if not refused:
                    log.error("event=record_refused reason=%s", bad)
                refused = True
                continue
            self.latest = record
            self._received_s = self._clock.monotonic()
            self._on_record(record)

    def _cancel_alert(self) -> None:
        if self._alert is not None:
            self._alert.cancel()
            self._alert = None

    def _lost(self) -> None:
        # An ordinary stop ends us too, and a vision that is restarted is back: neither is an alert.
        loop = asyncio.get_running_loop()
        self._alert = loop.call_later(LOST_AFTER_S, log.warning, "event=vision_lost")
        self.latest = None
        self._on_gone()
