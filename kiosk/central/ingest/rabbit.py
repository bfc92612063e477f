"""Two connections to one node of a RabbitMQ cluster: one takes messages, the other answers."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator
from typing import Final

import pika
from pika import BlockingConnection, ConnectionParameters, SSLOptions
from pika.adapters.blocking_connection import BlockingChannel
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.credentials import ExternalCredentials, PlainCredentials
from pika.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from kiosk.config import BrokerSettings, IngestSettings
from kiosk.uplink import Failure, Publication, read_password, tls_context

logging.getLogger("pika").setLevel(logging.CRITICAL)  # it prints a trace for each lost connection

EXCHANGE: Final = "amq.topic"
"""Where RabbitMQ's MQTT plugin hands on what devices publish, and takes what they subscribe to."""

BINDINGS = ("kiosk.v1.*.*.*.up.#", "kiosk.v1.*.*.*.status")
"""Routing keys of what devices publish."""

QUEUE_ARGUMENTS = {"x-queue-type": "quorum"}
"""Kept by most of the cluster's nodes before a device is told that its message has arrived."""

PERSISTENT: Final = 2

REPLIES = {403: Failure.REFUSED, 406: Failure.REFUSED, 530: Failure.REFUSED}
"""AMQP reply codes that the same try again cannot cure: access refused, a queue of that name that
is of another type, not allowed."""

BLOCKED_MAX_S = 60.0
"""A broker that lets nobody publish for so long is left for another node of the cluster."""

_SWAPPED = str.maketrans({".": "/", "/": "."})

Delivery = tuple[str, bytes, int]
"""Topic, payload, and the tag by which it is acknowledged."""

TROUBLE = (AMQPError, AMQPConnectorException, OSError)
"""What any use of a connection may raise."""


class QueueFailedError(Exception):
    """The connections are closed; ``str()`` says why in a few words."""

    def __init__(self, failure: Failure, reason: str) -> None:
        """Keep what it is to an operator."""
        super().__init__(reason)
        self.failure = failure


def topic_of(routing_key: str) -> str:
    """The MQTT topic that RabbitMQ made this routing key of.

    It swaps dots and slashes, so a dot within a name comes back as a dot, and is refused.
    """
    return routing_key.translate(_SWAPPED)


class Queue:
    """The queue of what devices send, by way of one node."""

    def __init__(self, broker: BrokerSettings, ingest: IngestSettings, address: str) -> None:
        """Connect, make sure of the queue, and have it delivered.

        Args:
            broker: who we are.
            ingest: the queue, and how much of it to hold.
            address: host and port of a node.

        Raises:
            QueueFailedError: it cannot be used.
            BrokerError: the password or a certificate cannot be read.
        """
        self._ingest = ingest
        self._deliveries: list[Delivery] = []
        self._cancelled = False
        self._blocked = False
        self._open: list[BlockingConnection] = []
        parameters = connection_parameters(broker, address)
        try:
            # RabbitMQ stops reading from who publishes while it is short of memory or disk; from
            # who takes messages off it, it must read on.
            self._source = self._connect(parameters)
            self._answers = self._connect(parameters)
            self._answers.add_on_connection_blocked_callback(lambda *_: self._block(True))
            self._answers.add_on_connection_unblocked_callback(lambda *_: self._block(False))
            self._out = self._answers.channel()
            self._in = self._consume()
        except TROUBLE as bad:
            self.close()
            raise QueueFailedError(*_told(bad, Failure.UNREACHABLE)) from bad

    def receive(self, seconds: float) -> list[Delivery]:
        """What has come since; waits for something for up to ``seconds``.

        Raises:
            QueueFailedError: the connection is lost; what was not acknowledged comes again.
        """
        self._guarded(lambda: self._source.process_data_events(seconds))
        if self._cancelled:
            self.close()
            raise QueueFailedError(Failure.LOST, "the queue was deleted, or its leader is away")
        found, self._deliveries = self._deliveries, []
        return found

    def acknowledge(self, tag: int) -> None:
        """Take everything up to this delivery off the queue.

        Raises:
            QueueFailedError: as :meth:`receive`.
        """
        self._guarded(lambda: self._in.basic_ack(tag, multiple=True))

    def publish(self, publications: list[Publication]) -> None:
        """Send to devices, unless the broker lets nobody publish just now.

        Raises:
            QueueFailedError: as :meth:`receive`.
        """
        self._guarded(lambda: self._publish(publications))

    def close(self) -> None:
        """Leave."""
        for connection in self._open:
            try:
                connection.close()
            except TROUBLE:
                continue
        self._open.clear()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except TROUBLE as bad:
            self.close()
            raise QueueFailedError(*_told(bad, Failure.LOST)) from bad

    def _connect(self, parameters: ConnectionParameters) -> BlockingConnection:
        connection = BlockingConnection(parameters)
        self._open.append(connection)
        return connection

    def _consume(self) -> BlockingChannel:
        name = self._ingest.amqp_queue
        channel = self._source.channel()
        channel.queue_declare(name, durable=True, arguments=QUEUE_ARGUMENTS)
        for binding in BINDINGS:
            channel.queue_bind(name, EXCHANGE, routing_key=binding)
        channel.basic_qos(prefetch_count=self._ingest.amqp_prefetch)
        channel.add_on_cancel_callback(lambda _: self._cancel())
        channel.basic_consume(
            name,
            lambda _channel, method, _properties, body: self._deliveries.append(
                (topic_of(method.routing_key), body, method.delivery_tag)
            ),
        )
        return channel

    def _publish(self, publications: list[Publication]) -> None:
        self._answers.process_data_events(0)
        for publication in publications:
            if self._blocked:
                return
            self._out.basic_publish(
                EXCHANGE,
                publication.topic.translate(_SWAPPED),
                publication.payload,
                pika.BasicProperties(delivery_mode=PERSISTENT),
            )

    def _cancel(self) -> None:
        self._cancelled = True

    def _block(self, blocked: bool) -> None:
        self._blocked = blocked


def connection_parameters(broker: BrokerSettings, address: str) -> ConnectionParameters:
    """How to connect to a node.

    Raises:
        BrokerError: the password or a certificate cannot be read.
    """
    host, _, port = address.rpartition(":")
    context = tls_context(broker.tls)
    credentials: PlainCredentials | ExternalCredentials = ExternalCredentials()
    if broker.username is not None:
        # Asked for this host: over a network, no password goes out without TLS.
        there = broker.model_copy(update={"host": host})
        credentials = PlainCredentials(broker.username, read_password(there) or "")
    elif broker.tls.cert_file is None:
        # RabbitMQ's own first user, whom it takes from the same machine only.
        credentials = PlainCredentials("guest", "guest")
    return ConnectionParameters(
        host=host,
        port=int(port),
        credentials=credentials,
        ssl_options=None if context is None else SSLOptions(context, host),
        heartbeat=broker.keepalive_s,
        socket_timeout=broker.connect_timeout_s,
        stack_timeout=broker.connect_timeout_s,
        blocked_connection_timeout=BLOCKED_MAX_S,
        client_properties={"connection_name": "kiosk-central"},
    )


def _told(bad: BaseException, otherwise: Failure) -> tuple[Failure, str]:
    """What an error is to an operator, and why it is in a few words."""
    causes = list(_causes(bad))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Failure.UNTRUSTED, cause.verify_message
        if isinstance(cause, AuthenticationError | ProbableAuthenticationError):
            return Failure.REFUSED, "user name or password"
        if isinstance(cause, ProbableAccessDeniedError):
            return Failure.REFUSED, "this user may not use the virtual host"
        if isinstance(cause, ChannelClosedByBroker | ConnectionClosedByBroker):
            return REPLIES.get(cause.reply_code, otherwise), cause.reply_text
    last = causes[-1]
    return otherwise, getattr(last, "strerror", None) or str(last) or type(last).__name__


def _causes(bad: BaseException) -> Iterator[BaseException]:
    """The error and what it holds: the library wraps what went wrong, several times over."""
    seen: set[int] = set()
    pending = [bad]
    while pending:
        one = pending.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = [*one.args, *getattr(one, "exceptions", ()), getattr(one, "exception", None)]
        pending += [part for part in inner if isinstance(part, BaseException)]
