"""When a page counts as hung, and how soon what ended is started again."""

from __future__ import annotations

from kiosk.screen.page import Page

GONE_S = 8.0
"""Without a connection, while the director is there, also when it has just come back: a page that
lost its own tries every five seconds at least (socket.js), one whose process died shows the
browser's word of that for ever."""


class Silence:
    """How long the page has given no sign of life that we could have heard."""

    def __init__(self, hung_s: float, grace_s: float) -> None:
        """No browser runs yet.

        Args:
            hung_s: silence after which the page is hung.
            grace_s: what a browser may take until the page's first sign.
        """
        self._hung_s = hung_s
        self._grace_s = grace_s
        self._begun = 0.0
        self._excused = 0.0
        self._beat = self._there = float("-inf")

    def begin(self, now: float) -> None:
        """A browser was started."""
        self._begun = now

    def excuse(self, now: float) -> None:
        """Nobody could have heard or drawn until now: no director, or no display."""
        self._excused = now

    def hear(self, now: float, page: Page) -> None:
        """The director says how the page is."""
        if page.own:
            self._there = now
        if page.pages > 0 and page.beat_age_s is not None:
            self._beat = now - page.beat_age_s

    @property
    def beaten(self) -> bool:
        """The browser that runs has shown the page."""
        return self._beat > self._begun

    def lasts_s(self, now: float) -> float:
        """Seconds of silence; negative within the grace."""
        heard = self._beat if self.beaten else self._begun + self._grace_s
        return now - max(heard, self._excused)

    def is_hung(self, now: float) -> bool:
        """It lasts too long, or the page that was there is gone."""
        return self.lasts_s(now) > self._hung_s or self._is_gone(now)

    def _is_gone(self, now: float) -> bool:
        due = max(self._there, self._excused) + GONE_S
        return self._there > self._begun and now > due


class Pace:
    """At once the first time, then after waits that double, until it ran for long enough."""

    def __init__(
        self, shortest_s: float = 0.5, longest_s: float = 10, steady_s: float = 30
    ) -> None:
        """The first start is free.

        Args:
            shortest_s: the first wait.
            longest_s: the wait that is never exceeded.
            steady_s: after running for so long, an end is an accident again.
        """
        self._shortest_s = shortest_s
        self._longest_s = longest_s
        self._steady_s = steady_s
        self._wait_s = 0.0
        self._due = float("-inf")
        self._started = float("-inf")

    def is_due(self, now: float) -> bool:
        """It may be started."""
        return now >= self._due

    def started(self, now: float) -> None:
        """It was started, or that was tried."""
        self._started = now

    def ended(self, now: float) -> None:
        """It ended."""
        if now - self._started >= self._steady_s:
            self._wait_s = 0.0
        self._due = now + self._wait_s
        self._wait_s = min(self._longest_s, max(self._shortest_s, self._wait_s * 2))
