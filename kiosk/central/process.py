"""The process: one loop over the broker's socket and the database."""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import Random, SystemRandom

from kiosk.central.decode import Entry, RejectedPayloadError, decode
from kiosk.central.ledger import Progress, StreamKey, open_ledger, write
from kiosk.clock import Clock, SystemClock, iso
from kiosk.config import Settings
from kiosk.service import Heartbeat, stop_on_signals
from kiosk.uplink import Guard, Incoming, Link, Publication, Session
from kiosk.wire import Ack

log = logging.getLogger(__name__)

CLIENT_ID = "kiosk-central"

SUBSCRIPTIONS = ("kiosk/v1/+/+/+/up/#", "kiosk/v1/+/+/+/status")

SESSION_EXPIRY_S = 7 * 24 * 3600
"""How long the broker keeps messages for us while we are away; devices keep them anyway."""

POLL_S = 0.5
"""Longest silence of the socket before the loop turns."""

BATCH_MAX = 1000
"""With this many messages uncommitted, those that the broker will not repeat are let go."""


class Central:
    """Commits what comes, then acknowledges it."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        pause: Callable[[float], object],
        random: Random,
        heartbeat: Heartbeat,
    ) -> None:
        """Open the database; the first :meth:`turn` connects.

        Args:
            settings: the whole configuration.
            clock: the time.
            pause: waits that many seconds, or less when the process is asked to stop.
            random: draws the waits.
            heartbeat: is fed by each commit and each sound look into the database.

        Raises:
            StateError: the database cannot be used.
            BrokerError: the password or a certificate cannot be read.
        """
        self._clock = clock
        self._heartbeat = heartbeat
        self._store = open_ledger(settings.central.database)
        self._database = Guard("central_database_failed", clock)
        self._batch: list[Incoming] = []
        self._gaps: set[StreamKey] = set()
        session = Session(
            client_id=CLIENT_ID,
            subscriptions=SUBSCRIPTIONS,
            clean_start=False,
            expiry_s=SESSION_EXPIRY_S,
            manual_ack=True,
        )
        self._link = Link(settings.broker, session, self, clock=clock, pause=pause, random=random)

    def turn(self) -> None:
        """One round: what came, one commit, the answers."""
        self._link.turn(POLL_S)
        progress = self._database.attempt(self._commit)
        if progress is None:
            return
        self._heartbeat.progress("connected" if self._link.connected else "waiting for the broker")
        for state in progress:
            self._acknowledge(state)
            self._watch_gap(state)
        batch, self._batch = self._batch, []
        for message in batch:
            self._link.acknowledge(message)

    def close(self) -> None:
        """Leave; the broker keeps the session."""
        self._link.close(None, 0)
        self._store.close()

    def on_connected(self) -> None:
        """Nothing to say: the subscriptions are the link's."""

    def on_lost(self) -> None:
        """What is not committed comes again, from the broker or from the device."""
        self._batch.clear()

    def on_answer(self, mid: int, refusal: str | None) -> None:
        """An acknowledgement that does not arrive costs a replay, no more."""
        if refusal is not None:
            log.error(
                'event=publish_refused client=%s mid=%d reason="%s": devices send again what has '
                "come; grant this user to write kiosk/v1/+/+/+/down/ack",
                CLIENT_ID,
                mid,
                refusal,
            )

    def on_message(self, message: Incoming) -> None:
        """Keep the message for this turn's commit."""
        if message.qos or len(self._batch) < BATCH_MAX:
            self._batch.append(message)

    def _commit(self) -> list[Progress]:
        if not self._batch:
            self._store.db.execute("SELECT 1 FROM devices LIMIT 1").fetchone()
            return []
        entries = [entry for entry in map(_checked, self._batch) if entry is not None]
        return write(self._store, entries, iso(self._clock.utc())) if entries else []

    def _acknowledge(self, state: Progress) -> None:
        key = state.key
        ack = Ack(
            stream="hours" if key.stream == "hours" else "plays",
            epoch=key.epoch,
            seq=state.contiguous,
        )
        self._link.publish(Publication(key.branch.topic("down/ack"), ack.encode()))

    def _watch_gap(self, state: Progress) -> None:
        if state.contiguous == state.highest:
            self._gaps.discard(state.key)
        elif state.key not in self._gaps:
            self._gaps.add(state.key)
            log.warning(
                "event=sequence_gap device=%s stream=%s epoch=%s have=%d next=%d: the device will "
                "send again; if it lasts, messages were lost here",
                state.key.branch,
                state.key.stream,
                state.key.epoch,
                state.contiguous,
                state.highest,
            )


def _checked(message: Incoming) -> Entry | None:
    try:
        return decode(message.topic, message.payload)
    except RejectedPayloadError as bad:
        log.warning('event=payload_rejected topic=%r reason="%s": skipped', message.topic, bad)
        return None


def run(settings: Settings, clock: Clock | None = None) -> None:
    """Gather and acknowledge until SIGTERM or SIGINT.

    Args:
        settings: the whole configuration.
        clock: the time; by default the machine's.

    Raises:
        StateError: the database cannot be used at the start.
        BrokerError: the password or a certificate cannot be read at the start.
    """
    clock = clock or SystemClock()
    stop = stop_on_signals()
    heartbeat = Heartbeat(clock.monotonic)
    central = Central(
        settings, clock=clock, pause=stop.wait, random=SystemRandom(), heartbeat=heartbeat
    )
    while not stop.is_set():
        central.turn()
    heartbeat.stopping()
    central.close()
