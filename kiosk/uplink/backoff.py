"""How long to wait before the next attempt, and whether an operator must hear of the failure."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum
from random import Random

from kiosk.config import BrokerSettings


class Backoff:
    """Waits that double in reach and are drawn at random below it.

    A fleet that lost one broker must not come back in step, so already the first wait is drawn.
    """

    def __init__(self, shortest_s: float, longest_s: float, random: Random) -> None:
        self._shortest_s = shortest_s
        self._longest_s = longest_s
        self._random = random
        self._reach_s = shortest_s

    def next_s(self) -> float:
        """Seconds to wait now, from ``shortest_s`` to ``longest_s``."""
        self._reach_s = min(self._longest_s, self._reach_s * 2)
        return self._random.uniform(self._shortest_s, self._reach_s)

    def reset(self) -> None:
        """Start again with the shortest waits."""
        self._reach_s = self._shortest_s


FLAPS = 5
"""So many short sessions in a row are no accident. Not every broker says that a session was taken
over by another client of the same id; two such clients then throw each other out for ever."""


class Failure(Enum):
    """Why there is no session."""

    UNREACHABLE = "unreachable"
    """Nobody answers, or not in time."""
    UNTRUSTED = "untrusted"
    """The broker's certificate is not one we accept."""
    REFUSED = "refused"
    """The broker does not accept who we say we are."""
    TAKEN_OVER = "taken_over"
    """Another client with our id has taken the session."""
    SILENT = "silent"
    """The connection stands, and the broker does not answer any more."""
    LOST = "lost"
    """A session ended that nobody meant to end."""
    FLAPPING = "flapping"
    """Sessions end soon after they begin, again and again."""


ADVICE = {
    Failure.UNREACHABLE: (
        logging.WARNING,
        "nothing is lost and it is tried until it works; if it lasts, check network and broker",
    ),
    Failure.UNTRUSTED: (
        logging.ERROR,
        "check broker.tls.ca_file, broker.host, the certificate's dates and this machine's clock",
    ),
    Failure.REFUSED: (
        logging.ERROR,
        "check broker.username, the password and the certificate against the broker's users",
    ),
    Failure.TAKEN_OVER: (
        logging.ERROR,
        "another machine uses the same device names; give each its own device.name",
    ),
    Failure.SILENT: (
        logging.WARNING,
        "it hangs, or the network swallows what is sent; connecting again, nothing is lost; if it "
        "lasts, look at the broker's load and at firewalls on the way",
    ),
    Failure.LOST: (logging.INFO, "connecting again"),
    Failure.FLAPPING: (
        logging.ERROR,
        "sessions end as soon as they begin; most likely another machine uses the same device "
        "names: give each its own device.name",
    ),
}
"""Per failure: severity in the log, and what to do."""


@dataclass(frozen=True)
class Verdict:
    """What follows from a failure.

    Attributes:
        failure: what it is to an operator.
        wait_s: seconds until the next attempt.
        tell: an operator has not heard of it in this outage.
    """

    failure: Failure
    wait_s: float
    tell: bool


class Reconnect:
    """Decides, after each failure, when to try again."""

    def __init__(self, broker: BrokerSettings, random: Random) -> None:
        self._backoff = Backoff(broker.backoff_min_s, broker.backoff_max_s, random)
        self._auth_retry_s = broker.auth_retry_s
        self._steady_s = broker.backoff_max_s
        self._told: set[Failure] = set()
        self._connected_at: float | None = None
        self._short_sessions = 0

    def connected(self, now: float) -> None:
        """A session has begun."""
        self._connected_at = now
        self._told.clear()

    def failed(self, failure: Failure, now: float) -> Verdict:
        """An attempt failed or a session ended.

        A session that lasted as long as the longest wait proves the broker sound: waits start
        again at the shortest. A shorter one does not, or a broker that accepts and drops its
        clients would be hammered.
        """
        if self._connected_at is not None:
            steady = now - self._connected_at >= self._steady_s
            self._connected_at = None
            if steady:
                self._backoff.reset()
            self._short_sessions = 0 if steady else self._short_sessions + 1
            if failure is Failure.LOST and self._short_sessions == FLAPS:
                failure = Failure.FLAPPING
        tell = failure not in self._told
        self._told.add(failure)
        if failure in (Failure.REFUSED, Failure.TAKEN_OVER):
            # Each attempt is an event in the broker's log and a step towards a ban: say it each
            # time, but rarely try.
            return Verdict(failure, self._auth_retry_s, tell=True)
        return Verdict(failure, self._backoff.next_s(), tell)
