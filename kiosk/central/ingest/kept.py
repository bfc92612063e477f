"""Head office's word, kept at every node of a RabbitMQ cluster.

RabbitMQ keeps a retained message at the node that it was published to and at no other, and a
device may connect to any of them. So documents go to each node, over MQTT; commands go to one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from kiosk.central.courier import Courier, forget_deliveries
from kiosk.central.ingest.worker import Worker
from kiosk.clock import Clock
from kiosk.config import Settings
from kiosk.uplink import Incoming, Link, Publication, Session

CONNECT_S = 2.0
"""Patience with a node's answer: the queue waits meanwhile."""


class _Node:
    """The connection to one node, as its link's owner."""

    def __init__(
        self,
        number: int,
        connect: Callable[[Session, _Node], Link],
        word: KeptWord,
    ) -> None:
        self.unanswered: dict[int, int] = {}  # packet id: number of the publication
        self.behind = False
        self._word = word
        # Client ids are unique in the whole cluster: one node's session would end another's.
        self.link = connect(Session(f"kiosk-central-courier-{number}", ()), self)

    def on_connected(self) -> None:
        """A node that was away has missed what was published meanwhile."""
        if self.behind:
            self.behind = False
            self._word.missed = True

    def on_lost(self) -> None:
        """What it did not answer for, it may not have."""
        self.behind = True
        self.unanswered.clear()
        self._word.lost()

    def on_answer(self, mid: int, refusal: str | None) -> None:
        """It has a publication, or refuses it."""
        number = self.unanswered.pop(mid, None)
        if number is not None:
            self._word.answered(number, refusal)

    def on_message(self, message: Incoming) -> None:
        """Nothing is subscribed to."""


class KeptWord:
    """The courier's rounds, over one connection to each node."""

    def __init__(self, settings: Settings, worker: Worker, *, clock: Clock, random: Random) -> None:
        """Connect on the first :meth:`turn`.

        Args:
            settings: the whole configuration; the nodes listen for MQTT on ``broker.port``.
            worker: whose database it is.
            clock: the time.
            random: draws the waits.

        Raises:
            BrokerError: the password or a certificate cannot be read.
        """
        self.missed = False
        self._worker = worker
        self._courier = Courier(worker.engine, settings, clock)
        self._count = 0
        self._flight: dict[int, int] = {}  # number of a publication: nodes that have not answered
        hosts = dict.fromkeys(
            address.rpartition(":")[0] for address in settings.central.ingest.amqp_hosts
        )
        self._nodes = []
        for number, host in enumerate(hosts, 1):
            broker = settings.broker.model_copy(
                update={"host": host, "protocol": "3.1.1", "connect_timeout_s": CONNECT_S}
            )
            make = partial(Link, broker, clock=clock, pause=lambda _: None, random=random)
            self._nodes.append(_Node(number, make, self))

    def turn(self) -> None:
        """One round; nothing waits here."""
        for node in self._nodes:
            node.link.turn(0)
            node.behind |= node.link.failure is not None
        if self.missed:
            self._worker.attempt(self._again)
        if any(node.link.connected for node in self._nodes):
            self._worker.attempt(lambda: self._courier.due(self._publish))

    def close(self) -> None:
        """Leave."""
        for node in self._nodes:
            node.link.close(None, 0)

    def answered(self, number: int, refusal: str | None) -> None:
        """One node has a publication; the courier hears of it when all have that will."""
        left = self._flight.get(number)
        if left is None:
            return
        self._flight[number] = left - 1
        if refusal is not None or left <= 1:
            del self._flight[number]
            self._courier.answered(number, refusal)

    def lost(self) -> None:
        """A node is away: what is not answered goes again, by those that are left."""
        self._flight.clear()
        self._courier.lost()

    def _publish(self, publication: Publication) -> int | None:
        connected = [node for node in self._nodes if node.link.connected]
        number = self._count + 1
        for node in connected if publication.retain else connected[:1]:
            mid = node.link.publish(publication)
            if mid is not None:
                node.unanswered[mid] = number
                self._flight[number] = self._flight.get(number, 0) + 1
        if number not in self._flight:
            return None
        self._count = number
        return number

    def _again(self) -> bool:
        with self._worker.engine.begin() as connection:
            forget_deliveries(connection)
        self._courier.lost()
        self.missed = False
        return True
