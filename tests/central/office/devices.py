"""Real MQTT clients with certificates, honest and not."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.mosquitto import wait_for


def files_in(folder: Path) -> dict[str, Path]:
    """What ``kiosk central enrol`` has written."""
    return {
        "ca": folder / "ca.crt",
        "certificate": folder / "device.crt",
        "key": folder / "device.key",
    }


class Stranger:
    """A client that connects with whatever it was given."""

    def __init__(
        self,
        port: int,
        ca: Path,
        certificate: Path | None = None,
        key: Path | None = None,
        name: str = "",
    ) -> None:
        context = ssl.create_default_context(cafile=ca)
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        self.answers: list[str] = []
        self.ended: list[str] = []
        self.published: dict[int, str] = {}
        self.messages: list[tuple[str, bytes, bool]] = []
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.reconnect_delay_set(60, 60)
        self._client.tls_set_context(context)
        self._client.on_connect = lambda *given: self.answers.append(str(given[3]))
        self._client.on_disconnect = lambda *given: self.ended.append(str(given[3]))
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message
        try:
            self._client.connect("127.0.0.1", port)
        except OSError as bad:
            # TLS 1.2 tells here, TLS 1.3 with the first message.
            self.ended.append(str(bad))
            return
        self._client.loop_start()
        wait_for(lambda: self.answers or self.ended, "the broker has answered")

    @property
    def is_in(self) -> bool:
        """The broker has accepted us and not thrown us out."""
        return self.answers == ["Success"] and not self.ended

    def publish(self, topic: str, payload: bytes = b"{}") -> str:
        """What the broker answers to a message."""
        mid = self._client.publish(topic, payload, qos=1).mid
        wait_for(lambda: mid in self.published, "the broker has answered for the message")
        return self.published[mid]

    def subscribe(self, topic: str) -> None:
        done: list[Any] = []
        self._client.on_subscribe = lambda *given: done.append(given)
        self._client.subscribe(topic, qos=1)
        wait_for(lambda: done, "the broker has answered for the subscription")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Stranger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _on_publish(self, _client: Client, _data: object, mid: int, code: Any, _given: Any) -> None:
        self.published[mid] = str(code)

    def _on_message(self, _client: Client, _data: object, message: Any) -> None:
        self.messages.append((message.topic, bytes(message.payload), message.retain))
