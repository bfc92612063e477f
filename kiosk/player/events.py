"""What the pages say, as whoever directs them hears it."""

from __future__ import annotations

from typing import Protocol


class ScreenEvents(Protocol):
    """What the pages say, already checked."""

    def screen_connected(self) -> None:
        """The first screen is there, or what plays on it can be seen again."""
        ...

    def screen_lost(self, *, broken: bool = False, silent_s: float = 0.0) -> None:
        """The screen that spoke is gone, or nobody can see what plays on it.

        Args:
            broken: it went without a word.
            silent_s: for how long it has given no sign that it draws.
        """
        ...

    def screen_started(self, play_id: str) -> None:
        """A first frame was presented."""
        ...

    def screen_ended(self, play_id: str, shown_s: float) -> None:
        """A play was replaced."""
        ...

    def screen_failed(self, play_id: str, why: str) -> None:
        """A play cannot be shown."""
        ...

    def notice_shown(self, shown: bool) -> None:
        """The notice can be seen on the screen that speaks, or no longer; told when it changes.

        Until the first word it cannot; when that screen is lost, it no longer can.
        """
        ...
