"""Whose turn it is on the screen: the page's own rules, without a clock, a socket or a window.

A creative goes from next to shown to gone. The director's plays are never cut; what the director
prepared is not shown once it is away, as nobody vouches any more for who is watching; then, after a
grace, the untargeted rotation loops.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import urlsplit

from kiosk.screen.mpv.command import KINDS

GRACE_S = 2.0
"""How long a finished play stays while the director may still answer."""

LOCAL_RETRY_S = 2.0
"""A rotation of which nothing can be shown must not spin."""

START_S = 5.0
"""For a first frame. Meanwhile the last frame of what was before stands."""

USUAL_S = 5.0
"""Of a creative that does not say how long."""

HEAD_START_MAX_S = 0.2
"""Less than the director allows a play to be short of its time and still be complete."""

SWAPS_LEAST, SWAPS_KEPT = 3, 8
"""Of so many the fastest tells how long a swap takes at least."""

OVERDUE_S = 20.0
"""A play that is long over gives way to the card: what it was booked for may be over too."""

LEAST_S = 0.001
"""What broke off was shown for at least as long."""


@dataclass(frozen=True)
class Creative:
    """What can be shown.

    Attributes:
        id: of the creative.
        kind: ``image`` or ``video``.
        url: its path on the director's server; another one when the medium changes.
        duration_s: for how long.
    """

    id: str
    kind: str
    url: str
    duration_s: float

    @staticmethod
    def of(value: object) -> Creative:
        """What the director describes.

        Raises:
            ValueError: it is no creative, or one that mpv does not show.
        """
        try:
            url, kind = value["url"], value["kind"]  # type: ignore[index]
            duration_s = float(value.get("duration_s") or 0)  # type: ignore[attr-defined]
            name = str(value.get("id", ""))  # type: ignore[attr-defined]
        except (KeyError, TypeError, AttributeError, ValueError) as bad:
            raise ValueError("not a creative") from bad
        if kind not in KINDS:
            raise ValueError(f"the screen does not show {kind}")
        if not isinstance(url, str) or urlsplit(url)[:2] != ("", "") or not url.startswith("/"):
            raise ValueError("not a path on the director's server")
        return Creative(name, kind, url, duration_s if duration_s > 0 else USUAL_S)


class Stage(Protocol):
    """What shows creatives."""

    def queue(self, creative: Creative) -> None:
        """Make ready what comes next, in place of what waits."""
        ...

    def unqueue(self) -> None:
        """Forget what waits."""
        ...

    def swap(self) -> None:
        """Show what waits."""
        ...

    def give_up(self) -> None:
        """Go back from what was to be shown to what was before."""
        ...

    def retire(self) -> None:
        """Show the card."""
        ...


@dataclass(frozen=True)
class Turn:
    """A creative on its way; without a play's name it is of the local rotation."""

    creative: Creative
    play_id: str | None
    since_s: float = 0.0
    broken: bool = False

    @property
    def end_s(self) -> float:
        """When its time is over."""
        return self.since_s + self.creative.duration_s


class Turns:
    """Decides what is shown and when; every event ends in ``advance``."""

    def __init__(self, stage: Stage, report: Callable[[dict[str, Any]], None]) -> None:
        """Nothing is shown but the card.

        Args:
            stage: shows.
            report: tells the director.
        """
        self._stage = stage
        self._report = report
        self._rotation: list[Creative] = []
        self._index = 0
        self._shown: Turn | None = None
        self._next: Turn | None = None
        self._swapping: Turn | None = None
        self._connected = False
        self._idle_since = float("-inf")
        self._blocked_until = float("-inf")
        self._took_s: deque[float] = deque(maxlen=SWAPS_KEPT)

    @property
    def shown(self) -> Creative | None:
        """What is on the screen; ``None``: the card."""
        return self._shown.creative if self._shown else None

    def connected(self, now: float) -> None:
        """The director is there."""
        self._connected = True
        self.advance(now)

    def lost(self, now: float) -> None:
        """It is gone."""
        self._connected = False
        if self._next is not None and self._next.play_id:
            self._drop_next()
        self.advance(now)

    def greeted(self, now: float, rotation: Sequence[Creative]) -> None:
        """It says what to loop while it is away."""
        if list(rotation) != self._rotation:
            self._rotation, self._index = list(rotation), 0
            if self._next is not None and not self._next.play_id:
                self._drop_next()
        if self._shown is None:
            self._idle_since = now
        self.advance(now)

    def prepare(self, now: float, play_id: str, creative: Creative) -> None:
        """It says what comes next."""
        known = (self._shown, self._next, self._swapping)
        if any(turn is not None and turn.play_id == play_id for turn in known):
            return
        self._queue(Turn(creative, play_id))
        self.advance(now)

    def began(self, now: float) -> None:
        """Its first frame is on the screen: what was before ends in the same instant."""
        if self._swapping is None:
            return
        self._took_s.append(now - self._swapping.since_s)
        outgoing, incoming = self._shown, replace(self._swapping, since_s=now)
        self._shown, self._swapping = incoming, None
        self._tell_end(outgoing, now)
        if incoming.play_id:
            self._report({"type": "started", "play_id": incoming.play_id})
        else:
            self._index += 1
        self._after_swap(now)

    def failed(self, now: float, why: str) -> None:
        """It cannot be shown, and the stage has gone back to what was before."""
        if self._swapping is None:
            return
        broken, self._swapping = self._swapping, None
        if broken.play_id:
            self._report({"type": "failed", "play_id": broken.play_id, "error": why})
        else:
            self._index += 1
            self._blocked_until = now + LOCAL_RETRY_S / max(1, len(self._rotation))
        self._after_swap(now)

    def broke_off(self, now: float, why: str) -> None:
        """What is shown stopped; its last frame stands, and need not for its time."""
        if self._shown is None or self._shown.broken:
            return
        if self._shown.play_id:
            self._report({"type": "failed", "play_id": self._shown.play_id, "error": why})
        lasted_s = max(LEAST_S, now - self._shown.since_s)
        ended = replace(self._shown.creative, duration_s=lasted_s)
        self._shown = replace(self._shown, creative=ended, broken=True)
        self.advance(now)

    def advance(self, now: float) -> float:
        """Do what is due.

        Returns:
            Monotonic seconds at which to ask again; infinite when only an event can change things.
        """
        if self._swapping is not None:
            late = self._swapping.since_s + START_S
            if now < late:
                return late
            self._stage.give_up()
            self.failed(now, f"no first frame after {START_S:g} s")
            return self.advance(now)
        if self._next is None and now >= self._local_due(now):
            self._queue_local()
        due = self._local_due(now) if self._next is None else self._next_due(now, self._next)
        if self._next is not None and now >= due:
            self._swapping, self._next = replace(self._next, since_s=now), None
            self._stage.swap()
            return now + START_S
        return min(due, self._retire_when_overdue(now))

    def _next_due(self, now: float, waits: Turn) -> float:
        due = self._end(now) if waits.play_id else max(self._end(now), self._grace_end())
        return due - self._head_start_s()

    def _head_start_s(self) -> float:
        """A swap is begun so much earlier that the first frame comes when it is due.

        As little as the fastest of the last ones took: what is shown keeps its last frame until
        then, and is hardly ever short of its time.
        """
        unknown = len(self._took_s) < SWAPS_LEAST
        if unknown or self._shown is None or self._shown.broken:
            return 0.0
        return min(HEAD_START_MAX_S, *self._took_s)

    def _retire_when_overdue(self, now: float) -> float:
        """Nothing came after it for long: the card stands there until something does."""
        if self._shown is None or self._is_alone():
            return float("inf")
        if now >= self._shown.end_s + OVERDUE_S:
            outgoing, self._shown = self._shown, None
            self._idle_since = now
            self._tell_end(outgoing, now)
            self._stage.retire()
            return self.advance(now)
        return self._shown.end_s + OVERDUE_S

    def _tell_end(self, outgoing: Turn | None, now: float) -> None:
        if outgoing is not None and outgoing.play_id:
            shown_s = round(now - outgoing.since_s, 3)
            self._report({"type": "ended", "play_id": outgoing.play_id, "shown_s": shown_s})

    def _after_swap(self, now: float) -> None:
        if self._next is not None:
            # It came while another one was being brought in.
            self._stage.queue(self._next.creative)
        self.advance(now)

    def _queue(self, turn: Turn) -> None:
        self._next = turn
        if self._swapping is None:
            self._stage.queue(turn.creative)

    def _drop_next(self) -> None:
        self._next = None
        if self._swapping is None:
            self._stage.unqueue()

    def _local_due(self, now: float) -> float:
        """When the rotation may go on by itself."""
        if not self._rotation or self._is_alone():
            return float("inf")
        due = self._end(now) if self._shown else self._grace_end() - GRACE_S / 2
        return max(due, self._blocked_until)

    def _is_alone(self) -> bool:
        """All of the rotation is on the screen already, and stays."""
        shown = self._shown
        return (
            len(self._rotation) == 1
            and shown is not None
            and not shown.play_id
            and shown.creative == self._rotation[0]
        )

    def _queue_local(self) -> None:
        count, shown = len(self._rotation), self.shown
        if count > 1 and shown and self._rotation[self._index % count].url == shown.url:
            self._index += 1
        self._queue(Turn(self._rotation[self._index % count], None))

    def _end(self, now: float) -> float:
        return self._shown.end_s if self._shown else now

    def _grace_end(self) -> float:
        if self._shown is None:
            return self._idle_since + GRACE_S
        end = self._end(0)
        return end + GRACE_S if self._connected and self._shown.play_id else end
