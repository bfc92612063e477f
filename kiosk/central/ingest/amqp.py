"""A worker that takes messages from a queue of RabbitMQ, beside others that do the same."""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import Random, SystemRandom

from kiosk.central.ingest.kept import KeptWord
from kiosk.central.ingest.rabbit import Delivery, Queue, QueueFailedError, connection_parameters
from kiosk.central.ingest.worker import Worker
from kiosk.clock import Clock, SystemClock
from kiosk.config import Settings
from kiosk.service import Heartbeat, stop_on_signals
from kiosk.uplink import ADVICE, Failure, Reconnect

log = logging.getLogger(__name__)

POLL_S = 0.5
"""Longest silence of the queue before the loop turns."""

BATCH_S = 0.05
"""A batch that is not full is committed this long after its first message."""

SHARE = 2
"""A batch is at most this part of what the worker may hold, so that the next one is on its way
while the database commits."""

ADVICE_HERE = {
    Failure.REFUSED: "check broker.username, the password and the certificate against RabbitMQ's"
    " users and their permissions, and that the queue is a quorum queue",
    Failure.FLAPPING: "sessions end as soon as they begin; RabbitMQ's log says why",
}
"""Where a device would have to do something else."""


class AmqpIngest:
    """Commits what comes, then takes it off the queue and acknowledges it.

    A message that is not committed stays in the queue: when this worker or its node ends, another
    worker gets it. In slot 1 it carries head office's word as well.
    """

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
        self._broker = settings.broker
        self._ingest = ingest
        self._clock = clock
        self._pause = pause
        self._most = max(1, min(ingest.batch_max, ingest.amqp_prefetch // SHARE))
        # Workers spread over the nodes, and each goes on to the next when its node is away.
        self._turn = ingest.slot - 1
        self._reconnect = Reconnect(settings.broker, random)
        self._next_try = float("-inf")
        self._queue: Queue | None = None
        self._held: list[Delivery] = []
        for address in ingest.amqp_hosts:
            connection_parameters(settings.broker, address)
        self._worker = Worker(settings, clock, heartbeat)
        self._word = (
            KeptWord(settings, self._worker, clock=clock, random=random)
            if ingest.slot == 1
            else None
        )

    def turn(self) -> None:
        """One round: what came, one commit, the answers, and what else is due."""
        try:
            queue = self._connected()
            if queue is not None:
                self._gather(queue)
                self._commit(queue)
        except QueueFailedError as bad:
            self._failed(bad)
        if self._word is not None:
            self._word.turn()
        self._worker.rest("connected" if self._queue is not None else "waiting for the queue")

    def close(self) -> None:
        """Leave; what is not committed goes back into the queue."""
        if self._queue is not None:
            self._queue.close()
        if self._word is not None:
            self._word.close()
        self._worker.close()

    @property
    def _address(self) -> str:
        hosts = self._ingest.amqp_hosts
        return hosts[self._turn % len(hosts)]

    def _connected(self) -> Queue | None:
        if self._queue is None:
            wait_s = self._next_try - self._clock.monotonic()
            if wait_s > 0:
                self._pause(min(wait_s, POLL_S))
                return None
            self._queue = Queue(self._broker, self._ingest, self._address)
            self._reconnect.connected(self._clock.monotonic())
            log.info(
                "event=queue_connected address=%s queue=%s", self._address, self._ingest.amqp_queue
            )
        return self._queue

    def _gather(self, queue: Queue) -> None:
        """Fill a batch, for as long as its first message may wait."""
        full = len(self._held) >= self._most
        until = self._clock.monotonic() + (0 if full or self._held else POLL_S)
        while True:
            remaining = until - self._clock.monotonic()
            found = queue.receive(max(0.0, remaining))
            if found and not self._held:
                until = min(until, self._clock.monotonic() + BATCH_S)
            self._held += found
            if len(self._held) >= self._most or remaining <= 0:
                return

    def _commit(self, queue: Queue) -> None:
        batch = self._held[: self._most]
        answers = self._worker.handle([(topic, payload) for topic, payload, _ in batch])
        if answers is None:
            # The database is away: what is held stays held, and the queue gives no more than that.
            self._pause(BATCH_S)
            return
        if batch:
            queue.acknowledge(batch[-1][2])
            del self._held[: len(batch)]
        queue.publish(answers)

    def _failed(self, bad: QueueFailedError) -> None:
        now = self._clock.monotonic()
        address, queue = self._address, self._ingest.amqp_queue
        self._queue = None
        self._held.clear()  # each of them is delivered again, to us or to another worker
        self._turn += 1
        verdict = self._reconnect.failed(bad.failure, now)
        self._next_try = now + verdict.wait_s
        if verdict.tell:
            level, advice = ADVICE[verdict.failure]
            log.log(
                level,
                'event=queue_%s address=%s queue=%s reason="%s" retry_s=%.1f: %s',
                verdict.failure.value,
                address,
                queue,
                bad,
                verdict.wait_s,
                ADVICE_HERE.get(verdict.failure, advice),
            )


def run_amqp(settings: Settings, clock: Clock | None = None) -> None:
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
    worker = AmqpIngest(
        settings, clock=clock, pause=stop.wait, random=SystemRandom(), heartbeat=heartbeat
    )
    while not stop.is_set():
        worker.turn()
    heartbeat.stopping()
    worker.close()
