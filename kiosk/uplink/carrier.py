"""The outbox on its way: what to send, what the broker has, what head office has committed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeVar

from pydantic import ValidationError

from kiosk.clock import Clock, iso
from kiosk.config import Settings
from kiosk.machine import process_start
from kiosk.service import Heartbeat
from kiosk.state import Message, Outbox, Store, open_store, write_health
from kiosk.uplink.backoff import Backoff
from kiosk.uplink.drain import Drain
from kiosk.uplink.guard import Guard
from kiosk.uplink.link import Link
from kiosk.uplink.resend import ResendTimer
from kiosk.uplink.session import Publication
from kiosk.wire import Ack, Branch

log = logging.getLogger(__name__)

PROBE = 20
"""Messages of each stream that are sent again while head office stays silent: its answer to them
brings the rest. All of a month, again and again from a whole fleet, would only fill the broker."""

SAID_EVERY_S = 10.0
"""A connection that comes and goes is told at most this often, to spare the card."""

T = TypeVar("T")


class Carrier:
    """Keeps the outbox empty, as far as network, broker and head office let it."""

    def __init__(
        self,
        settings: Settings,
        branch: Branch,
        *,
        clock: Clock,
        random: Random,
        heartbeat: Heartbeat,
    ) -> None:
        """Open the state file.

        Args:
            settings: the whole configuration.
            branch: the device's topics.
            clock: the time.
            random: draws the waits.
            heartbeat: is fed by each sound look into the outbox and each answer of the broker.

        Raises:
            StateError: the state file cannot be used.
        """
        self._settings = settings
        self._branch = branch
        self._clock = clock
        self._random = random
        self._heartbeat = heartbeat
        self._reads = Guard("state_read_failed", clock)
        self._writes = Guard("state_write_failed", clock)
        self._open_state()

    @property
    def store(self) -> Store:
        """The state file that is open now; another one after it was replaced."""
        return self._store

    def turn(self, link: Link) -> None:
        """Write down what was answered and whether there is a connection; send what waits."""
        if _inode(self._settings.state.path) not in (None, self._inode):
            self._reads.attempt(self._reopen_state)
        if self._acks or self._drain.to_mark():
            self._writes.attempt(self._write_down)
        if link.connected and self._resend.due(self._clock.monotonic()):
            self._writes.attempt(self._send_again)
        self._say(connected=link.connected)
        self._send(link)

    def ask(self, query: Callable[[Store], T]) -> T | None:
        """Ask the state file something; ``None`` when it cannot be read now."""
        return self._reads.attempt(lambda: query(self._store))

    def lost(self) -> None:
        """The connection is over: what was on its way will be sent again."""
        self._drain.connection_lost()

    def answered(self, mid: int, refusal: str | None) -> None:
        """Remember the broker's answer until the next write."""
        self._heartbeat.progress()
        if refusal is None:
            self._drain.accepted(mid)
            return
        pause = self._drain.refused(mid, self._clock.monotonic())
        if pause is not None:
            message, wait_s = pause
            log.error(
                'event=publish_refused topic=%s seq=%d reason="%s" retry_s=%.1f: it stays in the '
                "outbox; grant this device its branch in the broker's access list",
                self._branch.topic(f"up/{message.stream}"),
                message.seq,
                refusal,
                wait_s,
            )

    def acknowledged(self, payload: bytes) -> None:
        """Remember head office's acknowledgement until the next write."""
        try:
            ack = Ack.model_validate_json(payload)
        except ValidationError as bad:
            log.warning(
                'event=payload_rejected topic=%r reason="%s"',
                self._branch.topic("down/ack"),
                bad.errors()[0]["msg"],
            )
            return
        if ack.epoch != self._epoch:
            log.info(
                "event=ack_ignored stream=%s seq=%d epoch=%s: it is about an earlier state file",
                ack.stream,
                ack.seq,
                ack.epoch,
            )
            return
        self._resend.heard(self._clock.monotonic())
        self._acks[ack.stream] = max(ack.seq, self._acks.get(ack.stream, 0))

    def close(self) -> None:
        """Say that there is no connection any more, and close the state file."""
        self._say(connected=False, at_once=True)
        self._store.close()

    def _open_state(self) -> None:
        path = self._settings.state.path
        self._store: Store = open_store(path, self._clock)
        self._inode = _inode(path)
        self._epoch = self._store.epoch
        self._outbox = Outbox(self._store)
        self._acks: dict[str, int] = {}
        broker = self._settings.broker
        self._drain = Drain(
            self._settings.uplink.max_inflight,
            Backoff(broker.backoff_min_s, broker.backoff_max_s, self._random),
        )
        self._resend = ResendTimer(self._settings.uplink.ack_timeout_s)
        self._resend.found_at_start(self._clock.monotonic())
        # What an uplink before us said may not be so any more.
        self._said: bool | None = None
        self._said_s = float("-inf")
        self._say(connected=False)

    def _reopen_state(self) -> None:
        log.warning(
            "event=state_reopened file=%s: another file stands in its place now",
            self._settings.state.path,
        )
        self._store.close()
        self._open_state()

    def _say(self, *, connected: bool, at_once: bool = False) -> None:
        """Leave word for whoever asks this device how it does; ``kiosk status`` reads it."""
        now = self._clock.monotonic()
        if connected == self._said or (now - self._said_s < SAID_EVERY_S and not at_once):
            return
        # By number and start a word that outlived its speaker is told apart.
        pid = os.getpid()
        broker = f"{self._settings.broker.host}:{self._settings.broker.port}"
        word = {
            "connected": connected,
            "broker": broker,
            "pid": pid,
            "began": process_start(pid),
        }
        at = iso(self._clock.utc())

        def write() -> bool:
            write_health(self._store, "uplink", word, at)
            return True

        if self._writes.attempt(write):
            # The first word is no change.
            self._said_s = now if self._said is not None else float("-inf")
            self._said = connected

    def _write_down(self) -> None:
        now = self._clock.monotonic()
        messages = self._drain.to_mark()
        if messages:
            self._outbox.mark_at_broker(messages)
            self._drain.marked(messages)
            for message in messages:
                self._resend.at_broker(message.stream, message.seq, now)
        for stream, seq in list(self._acks.items()):
            if self._outbox.acknowledge(stream, self._epoch, seq):
                self._resend.acknowledged(stream, seq, now)
            del self._acks[stream]

    def _send_again(self) -> None:
        unacknowledged = self._outbox.backlog().at_broker
        if unacknowledged:
            log.warning(
                "event=ack_overdue messages=%d: head office has not committed them; sending again; "
                "if it lasts, check kiosk central",
                unacknowledged,
            )
            self._outbox.forget_broker(None if self._resend.hopeful else PROBE)
        self._resend.resent(self._clock.monotonic())

    def _send(self, link: Link) -> None:
        waiting = self._reads.attempt(lambda: self._outbox.waiting(self._drain.window))
        if waiting is None:
            return
        self._heartbeat.progress("connected" if link.connected else "waiting for the broker")
        if not link.connected:
            return
        now = self._clock.monotonic()
        for message in self._drain.choose(waiting, now, self._drain.on_their_way + link.room):
            mid = link.publish(self._publication(message))
            if mid is None:
                break
            self._drain.sent(mid, message)

    def _publication(self, message: Message) -> Publication:
        return Publication(self._branch.topic(f"up/{message.stream}"), message.payload)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None
