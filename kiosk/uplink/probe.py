"""One log-in for a look: whether the broker would take this device, without disturbing it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from kiosk.clock import Clock
from kiosk.config import Settings
from kiosk.uplink.access import read_password
from kiosk.uplink.client import connect, make_client
from kiosk.uplink.session import Session

PATIENCE_S = 3.0
"""A broker that needs longer than this is in no state to be used."""

TURN_S = 0.1


@dataclass(frozen=True)
class LogIn:
    """What became of it.

    Attributes:
        taken: the broker accepts us.
        reached: somebody answered at all.
        message: what was said.
        hint: what to do, empty when there is nothing.
    """

    taken: bool
    reached: bool
    message: str
    hint: str = ""


def try_log_in(settings: Settings, clock: Clock) -> LogIn:
    """Connect, read the broker's answer, leave.

    Under a client id of its own, so that the running uplink keeps its session, and without a last
    will, so that nothing is published whatever happens.

    Raises:
        BrokerError: the password or a certificate cannot be used.
    """
    broker = settings.broker.model_copy(update={"connect_timeout_s": PATIENCE_S})
    device = settings.device
    name = f"kiosk.{device.tenant}.{device.site}.{device.name}.doctor"
    session = Session(client_id=name, subscriptions=())
    client = make_client(broker, session)
    said: list[ReasonCode] = []
    client.on_connect = lambda _client, _data, _flags, code, _given: said.append(code)
    try:
        connect(client, broker, session)
        hung_up = _wait(client, said, clock)
    except ssl.SSLError as bad:
        return LogIn(
            taken=False,
            reached=True,
            message=f"TLS fails: {getattr(bad, 'verify_message', None) or bad.reason or bad}",
            hint="check broker.tls, broker.host against the certificate's names, and the clock",
        )
    except (OSError, ValueError) as bad:
        return LogIn(
            taken=False,
            reached=False,
            message=f"not reached: {getattr(bad, 'strerror', None) or bad}",
            hint="counts are kept and sent later; check broker.host, broker.port and the network",
        )
    finally:
        client.disconnect()
    return _verdict(said, hung_up, settings)


def _wait(client: Client, said: list[ReasonCode], clock: Clock) -> bool:
    """Wait for an answer; returns whether the connection ended before there was one."""
    until = clock.monotonic() + PATIENCE_S
    while not said and clock.monotonic() < until:
        if client.loop(TURN_S) != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return not said
    return False


def _verdict(said: list[ReasonCode], hung_up: bool, settings: Settings) -> LogIn:
    mqtt = f"MQTT {settings.broker.protocol}"
    if hung_up:
        # With TLS 1.3 a broker that misses our certificate says so after the handshake, by an end.
        return LogIn(
            taken=False,
            reached=True,
            message=f"it ended the connection without an answer in {mqtt}",
            hint="a revoked certificate is met so: ask head office; or check broker.port,"
            " broker.protocol, and whether it asks for broker.tls.cert_file",
        )
    if not said:
        return LogIn(
            taken=False,
            reached=True,
            message=f"connected, but nobody answers in {mqtt}",
            hint="check broker.port, broker.tls (the port for TLS is another one) and"
            " broker.protocol",
        )
    if said[0].is_failure:
        return LogIn(
            taken=False,
            reached=True,
            message=f"the broker refuses us: {said[0]}",
            hint=_why_refused(settings),
        )
    return LogIn(taken=True, reached=True, message=f"the broker takes us ({mqtt})")


def _why_refused(settings: Settings) -> str:
    broker = settings.broker
    if broker.username is not None and read_password(broker) is None:
        # systemd hands its credentials to the service alone.
        return (
            "no password was sent: broker.password_file is not set, and a credential of systemd "
            "is seen by the service alone"
        )
    return "check broker.username, the password and the certificate against the broker's users"
