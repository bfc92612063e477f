"""The process: one loop over the broker's socket and the outbox."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from random import Random, SystemRandom

from pydantic import ValidationError

from kiosk import __version__
from kiosk.clock import Clock, SystemClock
from kiosk.config import Settings
from kiosk.service import Heartbeat, stop_on_signals
from kiosk.state import Message, Outbox, Store, open_store, read_health
from kiosk.uplink.backoff import Backoff
from kiosk.uplink.drain import Drain
from kiosk.uplink.guard import Guard
from kiosk.uplink.link import Link
from kiosk.uplink.resend import ResendTimer
from kiosk.uplink.session import Incoming, Publication, Session
from kiosk.uplink.vitals import health_message
from kiosk.wire import Ack, Branch, Status

log = logging.getLogger(__name__)

FAREWELL_S = 2.0
"""How long a stopping process waits for the broker to take its `offline`."""


class Uplink:
    """Keeps the outbox empty, as far as network, broker and head office let it."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        pause: Callable[[float], object],
        random: Random,
        heartbeat: Heartbeat,
    ) -> None:
        """Open the state file; the first :meth:`turn` connects.

        Args:
            settings: the whole configuration.
            clock: the time.
            pause: waits that many seconds, or less when the process is asked to stop.
            random: draws the waits.
            heartbeat: is fed by each sound look into the outbox and each answer of the broker.

        Raises:
            StateError: the state file cannot be used.
            BrokerError: the password or a certificate cannot be read.
        """
        self._settings = settings
        self._clock = clock
        self._random = random
        self._heartbeat = heartbeat
        device = settings.device
        self._branch = Branch(device.tenant, device.site, device.name)
        self._began = clock.monotonic()
        self._since = clock.utc()
        self._health_due = self._began
        self._reads = Guard("state_read_failed", clock)
        self._writes = Guard("state_write_failed", clock)
        self._open_state()
        session = Session(
            client_id=f"kiosk.{device.tenant}.{device.site}.{device.name}",
            subscriptions=(self._branch.topic("down/ack"),),
            will=self._will,
        )
        self._link = Link(settings.broker, session, self, clock=clock, pause=pause, random=random)

    def turn(self) -> None:
        """One round: what the broker said, what it means for the outbox, what to send next."""
        self._link.turn(self._settings.uplink.poll_s)
        if _inode(self._settings.state.path) not in (None, self._inode):
            self._reads.attempt(self._reopen_state)
        if self._acks or self._drain.to_mark():
            self._writes.attempt(self._write_down)
        if self._link.connected and self._resend.due(self._clock.monotonic()):
            self._writes.attempt(self._send_again)
        self._send()
        self._send_health()

    def close(self) -> None:
        """Say that the device is offline, and leave."""
        self._link.close(self._status("offline", self._clock.utc()), FAREWELL_S)
        self._store.close()

    def on_connected(self) -> None:
        """Publish the birth message."""
        self._link.publish(self._status("online", self._since))

    def on_lost(self) -> None:
        """What was on its way will be sent again."""
        self._drain.connection_lost()

    def on_answer(self, mid: int, refusal: str | None) -> None:
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

    def on_message(self, message: Incoming) -> None:
        """Remember head office's acknowledgement until the next write."""
        try:
            ack = Ack.model_validate_json(message.payload)
        except ValidationError as bad:
            log.warning(
                'event=payload_rejected topic=%r reason="%s"', message.topic, bad.errors()[0]["msg"]
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

    def _reopen_state(self) -> None:
        log.warning(
            "event=state_reopened file=%s: another file stands in its place now",
            self._settings.state.path,
        )
        self._store.close()
        self._open_state()

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
            self._outbox.forget_broker()
        self._resend.resent(self._clock.monotonic())

    def _send(self) -> None:
        waiting = self._reads.attempt(lambda: self._outbox.waiting(self._drain.window))
        if waiting is None:
            return
        connected = self._link.connected
        self._heartbeat.progress("connected" if connected else "waiting for the broker")
        if not connected:
            return
        now = self._clock.monotonic()
        for message in self._drain.choose(waiting, now, self._link.receive_maximum):
            mid = self._link.publish(self._publication(message))
            if mid is None:
                break
            self._drain.sent(mid, message)

    def _send_health(self) -> None:
        now = self._clock.monotonic()
        if now < self._health_due or not self._link.connected:
            return
        period_s = self._settings.uplink.health_s
        self._health_due = now + period_s
        found = self._reads.attempt(
            lambda: (read_health(self._store, "director"), self._outbox.backlog())
        )
        if found is None:
            return
        health = health_message(*found, self._clock.utc(), now - self._began, period_s)
        self._link.publish(Publication(self._branch.topic("up/health"), health.encode(), qos=0))

    def _publication(self, message: Message) -> Publication:
        return Publication(self._branch.topic(f"up/{message.stream}"), message.payload)

    def _will(self) -> Publication:
        # Made for each connection: nobody can know now when it will end, only when it began.
        self._since = self._clock.utc()
        return self._status("offline", self._since)

    def _status(self, state: str, since: datetime) -> Publication:
        status = Status(
            state="online" if state == "online" else "offline", version=__version__, since=since
        )
        return Publication(self._branch.topic("status"), status.encode(), retain=True)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def run(settings: Settings, clock: Clock | None = None) -> None:
    """Carry the outbox to the broker until SIGTERM or SIGINT.

    Args:
        settings: the whole configuration.
        clock: the time; by default the machine's.

    Raises:
        StateError: the state file cannot be used at the start.
        BrokerError: the password or a certificate cannot be read at the start.
    """
    clock = clock or SystemClock()
    stop = stop_on_signals()
    heartbeat = Heartbeat(clock.monotonic)
    uplink = Uplink(
        settings, clock=clock, pause=stop.wait, random=SystemRandom(), heartbeat=heartbeat
    )
    while not stop.is_set():
        uplink.turn()
    heartbeat.stopping()
    uplink.close()
