"""Owners of a link that write down what they are told, and a broker that hangs half-way."""

from __future__ import annotations

import socket
import threading
import time
from random import Random

from kiosk.clock import SystemClock
from kiosk.config import BrokerSettings
from kiosk.uplink import Incoming, Link, Session
from tests.mosquitto import wait_for

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ = 1, 3, 8, 12


class Listener:
    """Owner of one link."""

    def __init__(self, broker: BrokerSettings, session: Session) -> None:
        self.connections = 0
        self.losses = 0
        self.answers: list[tuple[int, str | None]] = []
        self.messages: list[Incoming] = []
        self.link = Link(
            broker, session, self, clock=SystemClock(), pause=time.sleep, random=Random(1)
        )

    def on_connected(self) -> None:
        self.connections += 1

    def on_lost(self) -> None:
        self.losses += 1

    def on_answer(self, mid: int, refusal: str | None) -> None:
        self.answers.append((mid, refusal))

    def on_message(self, message: Incoming) -> None:
        self.messages.append(message)

    def turn(self) -> None:
        self.link.turn(0.02)

    def close(self) -> None:
        self.link.close(None, 0)


class HalfDeadBroker:
    """Takes connections and answers pings in MQTT 3.1.1, but never answers for a message."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.connections = 0
        self.pings = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            with client:
                self._speak(client)

    def _speak(self, client: socket.socket) -> None:
        answers = {CONNECT: b"\x20\x02\x00\x00", PINGREQ: b"\xd0\x00"}
        try:
            while data := client.recv(4096):
                for kind in self._kinds(data):
                    self.pings += kind == PINGREQ
                    client.sendall(answers.get(kind, b""))
        except OSError:
            return

    @staticmethod
    def _kinds(data: bytes) -> list[int]:
        """Kinds of the packets in what came; all of ours are short."""
        kinds, at = [], 0
        while at + 1 < len(data):
            kinds.append(data[at] >> 4)
            at += 2 + data[at + 1]
        return kinds

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        wait_for(lambda: not self._thread.is_alive(), "the broker has ended")
