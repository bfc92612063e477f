"""What may be sent next: pure bookkeeping between the outbox and the broker's answers."""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.state import Message
from kiosk.uplink.backoff import Backoff

Key = tuple[str, int]


def _key(message: Message) -> Key:
    return message.stream, message.seq


class Drain:
    """Messages on their way to the broker, at most a window of them.

    A message counts against the window until its mark is on the disk. So a state file that cannot
    be written stops the sending, and memory is bounded by the window.
    """

    def __init__(self, window: int, refusals: Backoff) -> None:
        """Nothing is on its way.

        Args:
            window: most messages on their way at once.
            refusals: waits after the broker refused a message.
        """
        self.window = window
        self._refusals = refusals
        self._in_flight: dict[int, Message] = {}
        self._answered: dict[Key, Message] = {}
        self._paused_until = float("-inf")

    @property
    def on_their_way(self) -> int:
        """Messages that the broker has not answered for."""
        return len(self._in_flight)

    def choose(self, waiting: Sequence[Message], now: float, most: int) -> list[Message]:
        """Which of the waiting messages to send now, in their order.

        Args:
            waiting: the oldest rows that are not marked, those on their way among them.
            now: monotonic seconds.
            most: how many unanswered messages the broker takes.
        """
        if now < self._paused_until:
            return []
        taken = self._answered.keys() | {_key(message) for message in self._in_flight.values()}
        room = min(self.window - len(taken), most - len(self._in_flight))
        return [message for message in waiting if _key(message) not in taken][: max(0, room)]

    def sent(self, mid: int, message: Message) -> None:
        """A message has left under the packet id ``mid``."""
        self._in_flight[mid] = message

    def accepted(self, mid: int) -> None:
        """The broker has the message; an unknown ``mid`` is none of ours."""
        message = self._in_flight.pop(mid, None)
        if message is not None:
            self._answered[_key(message)] = message
            self._refusals.reset()

    def refused(self, mid: int, now: float) -> tuple[Message, float] | None:
        """The broker refuses the message; sending pauses, and it stays in the outbox.

        Returns:
            The message and the seconds of the pause, or ``None`` when ``mid`` is none of ours or
            its refusal falls into a pause that has begun.
        """
        message = self._in_flight.pop(mid, None)
        if message is None or now < self._paused_until:
            return None
        wait_s = self._refusals.next_s()
        self._paused_until = now + wait_s
        return message, wait_s

    def to_mark(self) -> list[Message]:
        """Messages that the broker has and whose mark is not on the disk."""
        return list(self._answered.values())

    def marked(self, messages: Sequence[Message]) -> None:
        """The marks of these are on the disk."""
        for message in messages:
            self._answered.pop(_key(message), None)

    def connection_lost(self) -> None:
        """No answer will come to what is on its way: it will be sent again."""
        self._in_flight.clear()
        self._paused_until = float("-inf")
