"""A worker that takes messages from an MQTT broker: one loop over its socket and the database."""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import Random, SystemRandom

from sqlalchemy import Engine

from kiosk.central.courier import Courier
from kiosk.central.ingest.worker import Worker
from kiosk.clock import Clock, SystemClock
from kiosk.config import IngestSettings, Settings
from kiosk.service import Heartbeat, stop_on_signals
from kiosk.uplink import Incoming, Link, Session

log = logging.getLogger(__name__)

CLIENT_ID = "kiosk-central"

TOPICS = ("kiosk/v1/+/+/+/up/#", "kiosk/v1/+/+/+/status")

SHARED = "$share/kiosk/"
"""What makes the broker give each message to one of several workers (MQTT 5, 4.8.2)."""

SESSION_EXPIRY_S = 7 * 24 * 3600
"""How long the broker keeps messages for us while we are away; devices keep them anyway."""

HELD_BATCHES = 10
"""Batches that are held at most; a broker may send more than it was asked to before an answer."""

POLL_S = 0.5
"""Longest silence of the socket before the loop turns."""


class MqttIngest:
    """Commits what comes, then acknowledges it; in slot 1 it carries head office's word as well."""

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
        ingest = settings.central.ingest
        self._batch_max = ingest.batch_max
        self._batch: list[Incoming] = []
        self._overflowed = False
        self._worker = Worker(settings, clock, heartbeat)
        # A fixed slot has a fixed name: the broker keeps messages for it while it is away.
        self._client_id = f"{CLIENT_ID}-{ingest.slot}"
        session = Session(
            client_id=self._client_id,
            subscriptions=_subscriptions(ingest),
            clean_start=False,
            expiry_s=SESSION_EXPIRY_S,
            manual_ack=True,
        )
        self._link = Link(settings.broker, session, self, clock=clock, pause=pause, random=random)
        self._courier = Courier(self._worker.engine, settings, clock) if ingest.slot == 1 else None

    @property
    def engine(self) -> Engine:
        """The open database."""
        return self._worker.engine

    @property
    def held(self) -> int:
        """Messages that wait for their commit."""
        return len(self._batch)

    def turn(self) -> None:
        """One round: what came, one commit, the answers, and what else is due."""
        self._link.turn(POLL_S)
        while self._batch and self._commit():
            pass
        if self._overflowed and not self._batch:
            # The broker repeats what was not answered in a new connection only.
            self._overflowed = False
            self._link.begin_anew()
        connected = self._link.connected
        if self._courier is not None and connected:
            courier = self._courier
            self._worker.attempt(lambda: courier.due(self._link.publish))
        self._worker.rest("connected" if connected else "waiting for the broker")

    def _commit(self) -> bool:
        """The oldest messages, as many as one commit takes; false: the database fails."""
        some = self._batch[: self._batch_max]
        acknowledgements = self._worker.handle(
            [(message.topic, message.payload) for message in some]
        )
        if acknowledgements is None:
            return False
        for publication in acknowledgements:
            self._link.publish(publication)
        for message in some:
            self._link.acknowledge(message)
        del self._batch[: len(some)]
        return True

    def close(self) -> None:
        """Leave; the broker keeps the session."""
        self._link.close(None, 0)
        self._worker.close()

    def on_connected(self) -> None:
        """Nothing to say: the subscriptions are the link's."""

    def on_lost(self) -> None:
        """What is not committed comes again, from the broker or from the device."""
        self._batch.clear()
        self._overflowed = False
        if self._courier is not None:
            self._courier.lost()

    def on_answer(self, mid: int, refusal: str | None) -> None:
        """An acknowledgement that does not arrive costs a replay, no more."""
        if self._courier is not None and self._courier.answered(mid, refusal):
            return
        if refusal is not None:
            log.error(
                'event=publish_refused client=%s mid=%d reason="%s": devices send again what has '
                "come; grant this user to write kiosk/v1/+/+/+/down/ack",
                self._client_id,
                mid,
                refusal,
            )

    def on_message(self, message: Incoming) -> None:
        """Keep the message for this turn's commit, within bounds while the database is away."""
        held = len(self._batch)
        if held < self._batch_max or (message.qos and held < HELD_BATCHES * self._batch_max):
            self._batch.append(message)
        elif message.qos:
            self._overflowed = True


def _subscriptions(ingest: IngestSettings) -> tuple[str, ...]:
    prefix = SHARED if ingest.slots > 1 else ""
    return tuple(prefix + topic for topic in TOPICS)


def run_mqtt(settings: Settings, clock: Clock | None = None) -> None:
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
    worker = MqttIngest(
        settings, clock=clock, pause=stop.wait, random=SystemRandom(), heartbeat=heartbeat
    )
    while not stop.is_set():
        worker.turn()
    heartbeat.stopping()
    worker.close()
