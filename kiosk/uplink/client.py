"""The library's client, as our settings want it: who we are, what proves it, which MQTT."""

from __future__ import annotations

import hashlib
import socket

import paho.mqtt.client
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from kiosk.config import BrokerSettings
from kiosk.errors import BrokerError
from kiosk.uplink.access import read_password, tls_context
from kiosk.uplink.session import Session


def _local_pair() -> tuple[socket.socket, socket.socket]:
    """Two sockets that speak to each other and to no network."""
    pair = socket.socketpair()
    for end in pair:
        end.setblocking(False)
    return pair


# The library wakes its own loop over TCP on loopback, where the unit lets no packet through.
paho.mqtt.client._socketpair_compat = _local_pair

RECEIVE_MAXIMUM = 200
"""Messages that the broker may send before we have answered for the first of them."""

PING_SHARE = 0.75
"""Share of the keep-alive after which the library asks a silent broker for a sign of life. It waits
for the answer as long again, so a broker that hangs is found out within 1.5 keep-alives, the time
after which a broker gives up a client (MQTT 5, 3.1.2.10)."""


def make_client(broker: BrokerSettings, session: Session) -> Client:
    """A client for one connection.

    Raises:
        BrokerError: the password or a certificate cannot be used.
    """
    modern = broker.protocol == "5"
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=_client_id(broker, session),
        clean_session=None if modern else session.clean_start,
        protocol=MQTTProtocolVersion.MQTTv5 if modern else MQTTProtocolVersion.MQTTv311,
        manual_ack=session.manual_ack,
        reconnect_on_failure=False,
    )
    client.max_inflight_messages = 0  # the owner's window is the only one
    client.connect_timeout = broker.connect_timeout_s
    password = read_password(broker)
    if broker.username is not None:
        client.username_pw_set(broker.username, password)
    context = tls_context(broker.tls)
    if context is not None:
        client.tls_set_context(context)
    if session.will is not None:
        will = session.will()
        client.will_set(will.topic, will.payload, will.qos, will.retain)
    return client


def _client_id(broker: BrokerSettings, session: Session) -> str:
    """The session's id, and what only the holder of our key can know.

    Whoever connects under a client id ends the session of its former holder, and a broker lets any
    user take any id.
    """
    if broker.tls.key_file is None:
        return session.client_id
    try:
        key = broker.tls.key_file.read_bytes()
    except OSError as bad:
        raise BrokerError(
            f"{broker.tls.key_file}: cannot be read: {bad.strerror}",
            hint="check broker.tls.key_file, and that this process's user can read it",
        ) from bad
    return f"{session.client_id}.{hashlib.sha256(key).hexdigest()[:12]}"


def connect(client: Client, broker: BrokerSettings, session: Session) -> None:
    """Open the connection and ask the broker to take us; its answer comes later.

    Raises:
        OSError: nobody is there, or the certificate is not one we accept.
        ValueError: a host name that no resolver would take.
    """
    ping_s = max(1, int(broker.keepalive_s * PING_SHARE))
    if broker.protocol == "5":
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = session.expiry_s
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        if session.packet_max is not None:
            properties.MaximumPacketSize = session.packet_max
        client.connect(
            broker.host,
            broker.port,
            ping_s,
            clean_start=session.clean_start,
            properties=properties,
        )
    else:
        client.connect(broker.host, broker.port, ping_s)
