"""When to send again what the broker has and head office has not acknowledged."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_FACTOR = 32
"""Head office may be closed for days: the wait doubles up to this many times the first."""

EARLIER = ""
"""Stands for whatever an earlier run of this process left at the broker."""


@dataclass
class _Stream:
    highest: int = 0
    acknowledged: int = 0
    since: float | None = None


class ResendTimer:
    """Per stream, how long the broker has had something without a sign from head office."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._wait_s = timeout_s
        self._heard_at = float("-inf")
        self._hopeful = True
        self._streams: dict[str, _Stream] = {}

    def at_broker(self, stream: str, seq: int, now: float) -> None:
        """The broker has ``seq``; the wait runs from the first such message, not the latest."""
        state = self._streams.setdefault(stream, _Stream())
        state.highest = max(state.highest, seq)
        if state.since is None and state.highest > state.acknowledged:
            state.since = now

    def found_at_start(self, now: float) -> None:
        """The outbox may hold marks of an earlier run, about which nothing else is known."""
        self.at_broker(EARLIER, 1, now)

    def heard(self, now: float) -> None:
        """Head office spoke, be it of nothing new: after a silence it is back, so do not tarry."""
        if now - self._heard_at > self._timeout_s:
            self._wait_s = self._timeout_s
        self._heard_at = now
        self._hopeful = True

    def acknowledged(self, stream: str, seq: int, now: float) -> None:
        """Head office has committed something new, up to ``seq``: the wait starts again."""
        state = self._streams.setdefault(stream, _Stream())
        state.acknowledged = max(state.acknowledged, seq)
        state.since = now if state.highest > state.acknowledged else None
        self._wait_s = self._timeout_s

    @property
    def hopeful(self) -> bool:
        """Whether head office spoke since the last sending again, or there was none yet."""
        return self._hopeful

    def due(self, now: float) -> bool:
        """Whether some stream has waited long enough."""
        return any(
            state.since is not None and now - state.since >= self._wait_s
            for state in self._streams.values()
        )

    def resent(self, now: float) -> None:
        """What is unacknowledged goes out again; the next wait is twice as long."""
        self._hopeful = False
        self._streams.pop(EARLIER, None)
        for state in self._streams.values():
            if state.since is not None:
                state.since = now
        self._wait_s = min(self._wait_s * 2, self._timeout_s * LONGEST_FACTOR)
