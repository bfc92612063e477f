"""One MQTT connection, driven by its owner's loop: no thread that could die unseen.

Each connection gets a client of its own. So nothing is remembered between two of them but what the
owner remembers, and a message that got no answer is sent again from the outbox, not from memory.
"""

from __future__ import annotations

import functools
import logging
import ssl
from collections.abc import Callable
from random import Random
from typing import ParamSpec

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from kiosk.clock import Clock
from kiosk.config import BrokerSettings
from kiosk.errors import BrokerError
from kiosk.uplink.access import read_password, tls_context
from kiosk.uplink.backoff import ADVICE, Failure, Reconnect
from kiosk.uplink.client import connect, make_client
from kiosk.uplink.session import Incoming, LinkHandler, Publication, Session

log = logging.getLogger(__name__)

REFUSALS = frozenset({0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C})
"""CONNACK codes that the same try again cannot cure: protocol version, client id, user name or
password, not authorised, banned, authentication method."""

ENDS = {0x8D: Failure.SILENT, 0x8E: Failure.TAKEN_OVER}
"""Reason codes of an end that say more than that it came: keep-alive timeout, session taken over.
The library gives the first one when the broker has not answered a ping."""

TURN_S = 0.25
"""A busy socket is read for at most this long before the owner gets its turn."""

UNLIMITED = 65535
"""Unanswered publications where the broker names no limit (MQTT 5, 3.2.2.3.3); 3.1.1 has none."""

PATIENCE_KEEPALIVES = 1.5
"""Keep-alives after which a publication that got no answer is a broken connection: a broker may
answer pings and hang all the same."""

P = ParamSpec("P")


def _guarded(callback: Callable[P, None]) -> Callable[P, None]:
    # One bad message must not end the connection.
    @functools.wraps(callback)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(*args, **kwargs)
        except Exception as bad:
            log.error(
                "event=callback_failed callback=%s error=%r: this one is skipped; please report it",
                callback.__name__,
                bad,
            )
            log.debug("event=callback_failed callback=%s", callback.__name__, exc_info=True)

    return call


class Link:
    """A connection that comes back by itself, without ever hammering the broker."""

    def __init__(
        self,
        broker: BrokerSettings,
        session: Session,
        handler: LinkHandler,
        *,
        clock: Clock,
        pause: Callable[[float], object],
        random: Random,
    ) -> None:
        """Connect on the first :meth:`turn`.

        Args:
            broker: where it is, and who we are.
            session: how we present ourselves.
            handler: the owner.
            clock: the time.
            pause: waits that many seconds, or less when the process is asked to stop.
            random: draws the waits.

        Raises:
            BrokerError: the password or a certificate cannot be read.
        """
        self._broker = broker
        self._session = session
        self._handler = handler
        self._clock = clock
        self._pause = pause
        self._reconnect = Reconnect(broker, random)
        self._client: Client | None = None
        self._connected = False
        self._failure: tuple[Failure, str] | None = None
        self._answer_by = 0.0
        self._next_try = float("-inf")
        self._heard = False
        self._receive_maximum = 0
        self._unanswered: dict[int, float] = {}
        self._last_failure: Failure | None = None
        self._blindness_told = False
        read_password(broker)
        tls_context(broker.tls)

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and has answered since, not long ago."""
        return self._connected

    @property
    def failure(self) -> Failure | None:
        """Why there is no session, as of the last attempt; ``None`` once there is one."""
        return self._last_failure

    @property
    def room(self) -> int:
        """How many more publications the broker takes before it has answered for one of them.

        A broker may end the connection for one too many (MQTT 5, 4.9).
        """
        return max(0, self._receive_maximum - len(self._unanswered))

    def turn(self, timeout_s: float) -> None:
        """Connect when it is time, and handle what comes; returns within about ``timeout_s``.

        Only a connection attempt takes longer: up to twice ``broker.connect_timeout_s``.
        """
        if self._client is None:
            wait_s = self._next_try - self._clock.monotonic()
            if wait_s > 0:
                self._pause(min(wait_s, timeout_s))
                return
            self._open()
        if self._client is not None:
            self._pump(self._client, timeout_s)

    def publish(self, publication: Publication) -> int | None:
        """Send now; returns the packet id, or ``None`` when it could not be sent."""
        if self._client is None or not self._connected:
            return None
        info = self._client.publish(
            publication.topic, publication.payload, publication.qos, publication.retain
        )
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return None
        if publication.qos:
            self._unanswered[info.mid] = self._clock.monotonic()
        return info.mid

    def begin_anew(self) -> None:
        """End the connection and make another one at once, with files as they are then."""
        if self._client is not None:
            self._drop()
        self._next_try = float("-inf")

    def acknowledge(self, message: Incoming) -> None:
        """Tell the broker that a message of this session is in safe keeping."""
        if self._client is not None and self._connected and message.qos:
            self._client.ack(message.mid, message.qos)

    def close(self, farewell: Publication | None, patience_s: float) -> None:
        """Leave in good order: the last will is not sent.

        Args:
            farewell: a last publication, or ``None``.
            patience_s: how long to wait for the broker's answer to it.
        """
        client, self._client = self._client, None
        if client is None:
            return
        if self._connected and farewell is not None:
            info = client.publish(farewell.topic, farewell.payload, farewell.qos, farewell.retain)
            deadline = self._clock.monotonic() + patience_s
            while not info.is_published() and self._clock.monotonic() < deadline:
                if client.loop(0.1) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    break
        self._connected = False
        client.disconnect()

    def _open(self) -> None:
        self._failure = None
        try:
            client = self._make_client()
        except BrokerError as bad:
            self._failed(Failure.REFUSED, f"{bad} ({bad.hint})")
            return
        try:
            connect(client, self._broker, self._session)
        except ssl.SSLCertVerificationError as bad:
            self._failed(Failure.UNTRUSTED, bad.verify_message)
        except (OSError, ValueError) as bad:
            # ValueError: a host name that no resolver would take.
            self._failed(Failure.UNREACHABLE, getattr(bad, "strerror", None) or str(bad))
        else:
            self._client = client
            self._answer_by = self._clock.monotonic() + self._broker.connect_timeout_s

    def _make_client(self) -> Client:
        client = make_client(self._broker, self._session)
        client.on_connect = _guarded(self._on_connect)
        client.on_disconnect = _guarded(self._on_disconnect)
        client.on_publish = _guarded(self._on_publish)
        client.on_subscribe = _guarded(self._on_subscribe)
        client.on_message = _guarded(self._on_message)
        return client

    def _pump(self, client: Client, timeout_s: float) -> None:
        until = self._clock.monotonic() + TURN_S
        self._heard = False
        code = client.loop(timeout_s)
        while code == MQTTErrorCode.MQTT_ERR_SUCCESS and self._heard:
            if self._clock.monotonic() > until:
                break
            self._heard = False
            code = client.loop(0)
        if self._failure is None and self._is_stuck():
            self._failure = (Failure.SILENT, "a message got no answer")
        if self._failure is None and not self._connected:
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._failure = (Failure.UNREACHABLE, self._hung_up())
            elif self._clock.monotonic() > self._answer_by:
                self._failure = (Failure.UNREACHABLE, "connected, but no MQTT answer in time")
        if self._failure is not None:
            self._drop()
            self._failed(*self._failure)

    def _is_stuck(self) -> bool:
        """Whether the oldest publication has waited too long for the broker's answer."""
        oldest_s = next(iter(self._unanswered.values()), None)
        if oldest_s is None:
            return False
        patience_s = PATIENCE_KEEPALIVES * self._broker.keepalive_s
        return self._clock.monotonic() - oldest_s > patience_s

    def _hung_up(self) -> str:
        said = "the connection was closed without an answer"
        if self._broker.tls.cert_file is None:
            return said
        return f"{said}, as a broker does that does not take our certificate"

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()  # closes a socket that still stands; without one it does nothing
        self._unanswered.clear()
        was_connected, self._connected = self._connected, False
        if was_connected:
            self._handler.on_lost()

    def _failed(self, failure: Failure, reason: str) -> None:
        now = self._clock.monotonic()
        verdict = self._reconnect.failed(failure, now)
        self._last_failure = verdict.failure
        self._next_try = now + verdict.wait_s
        if verdict.tell:
            level, advice = ADVICE[verdict.failure]
            log.log(
                level,
                'event=broker_%s host=%s port=%d client=%s reason="%s" retry_s=%.1f: %s',
                verdict.failure.value,
                self._broker.host,
                self._broker.port,
                self._session.client_id,
                reason,
                verdict.wait_s,
                advice,
            )

    def _on_connect(
        self,
        client: Client,
        _data: object,
        _flags: ConnectFlags,
        code: ReasonCode,
        given: Properties | None,
    ) -> None:
        self._heard = True
        if code.is_failure:
            refused = code.value in REFUSALS
            self._failure = (Failure.REFUSED if refused else Failure.UNREACHABLE, str(code))
            return
        self._connected = True
        self._last_failure = None
        self._receive_maximum = int(getattr(given, "ReceiveMaximum", UNLIMITED))
        self._reconnect.connected(self._clock.monotonic())
        log.info(
            "event=broker_connected host=%s port=%d client=%s mqtt=%s",
            self._broker.host,
            self._broker.port,
            self._session.client_id,
            self._broker.protocol,
        )
        self._tell_blindness()
        for topic in self._session.subscriptions:
            client.subscribe(topic, qos=1)
        self._handler.on_connected()

    def _tell_blindness(self) -> None:
        if self._broker.protocol == "3.1.1" and not self._blindness_told:
            self._blindness_told = True
            log.info(
                "event=refusals_unseen client=%s: MQTT 3.1.1 cannot say that the broker drops a "
                "message, so only head office's acknowledgement counts",
                self._session.client_id,
            )

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        _flags: DisconnectFlags,
        code: ReasonCode,
        _given: object,
    ) -> None:
        # After the broker's own reason comes the closed socket's, which says less; and a refused
        # connection has said why already.
        if self._failure is None and self._connected:
            failure = ENDS.get(code.value, Failure.LOST)
            self._failure = (failure, str(code))

    def _on_publish(
        self, _client: Client, _data: object, mid: int, code: ReasonCode, _given: object
    ) -> None:
        self._heard = True
        self._unanswered.pop(mid, None)
        self._handler.on_answer(mid, str(code) if code.is_failure else None)

    def _on_subscribe(
        self, _client: Client, _data: object, _mid: int, codes: list[ReasonCode], _given: object
    ) -> None:
        self._heard = True
        for code in codes:
            if code.is_failure:
                log.error(
                    'event=subscribe_refused client=%s topics=%s reason="%s": nothing will come '
                    "from there; grant this user to read these topics in the broker's access list",
                    self._session.client_id,
                    ",".join(self._session.subscriptions),
                    code,
                )

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self._heard = True
        self._handler.on_message(
            Incoming(message.topic, bytes(message.payload), message.qos, message.mid)
        )
