"""The values that cross a link, and what its owner must be able to hear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Publication:
    """A message to be sent."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


@dataclass(frozen=True)
class Incoming:
    """A message that came; ``mid`` is what :meth:`Link.acknowledge` wants."""

    topic: str
    payload: bytes
    qos: int
    mid: int


@dataclass(frozen=True)
class Session:
    """How we present ourselves.

    Attributes:
        client_id: unique among all clients of the broker.
        subscriptions: topic filters, QoS 1, made on each connection.
        clean_start: whether the broker forgets what it kept for us.
        expiry_s: how long the broker keeps things for us while we are away.
        manual_ack: the owner answers for each message by :meth:`Link.acknowledge`.
        packet_max: bytes of the largest packet that the broker may send; ``None``: any. MQTT 3.1.1
            cannot say it.
        will: makes the message that the broker sends when we vanish, for each connection.
    """

    client_id: str
    subscriptions: tuple[str, ...]
    clean_start: bool = True
    expiry_s: int = 0
    manual_ack: bool = False
    packet_max: int | None = None
    will: Callable[[], Publication] | None = None


class LinkHandler(Protocol):
    """What the owner of a link is told, within :meth:`Link.turn`."""

    def on_connected(self) -> None:
        """A session has begun and the subscriptions are asked for."""

    def on_lost(self) -> None:
        """The session is over; what was not answered never will be."""

    def on_answer(self, mid: int, refusal: str | None) -> None:
        """The broker has taken a publication, or refuses it and says why."""

    def on_message(self, message: Incoming) -> None:
        """A message came."""
