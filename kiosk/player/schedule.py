"""What is on screen, what comes next, and when: a state machine without threads or sockets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from kiosk.ads import Creative, Decision
from kiosk.config import PlayerSettings
from kiosk.player.quarantine import LeftOut, Quarantine

log = logging.getLogger(__name__)

PASSED_OVER_S = 60.0
"""How long others go before a creative that was being loaded when the screen broke."""

BROKE_TWICE = "the screen broke twice in a row while it {}"

DESPERATE_S = 2.0
"""Between two tries when everything that may play has failed."""

EARLY_S = 0.25
"""A play that ends this much before its time still counts as complete: screens draw in frames."""


@dataclass(frozen=True)
class Play:
    """One creative, chosen.

    Attributes:
        chosen_s: monotonic time of the choice.
        due_s: monotonic time from which it may be on screen.
    """

    play_id: str
    choice: Decision
    chosen_s: float
    due_s: float


@dataclass(frozen=True)
class _OnScreen:
    play: Play
    started_s: float
    presented: bool


class Listener(Protocol):
    """Who is told of plays, and who asks the screen."""

    def prepare(self, play: Play) -> None:
        """Have the screen decode a play in its hidden layer and show it when it is due."""
        ...

    def started(self, play: Play, *, presented: bool) -> None:
        """A play's first frame is on screen."""
        ...

    def ended(self, play: Play, duration_s: float, *, completed: bool) -> None:
        """A play is over."""
        ...


class Schedule:
    """One play after the other.

    With a screen connected the screen says when a play's first frame was presented. Without one
    the plays go on by the clock, so that choices and their reasons can still be seen.
    """

    def __init__(
        self,
        settings: PlayerSettings,
        choose: Callable[[Mapping[str, str]], Decision | None],
        new_id: Callable[[], str],
        listener: Listener,
        *,
        refused: Callable[[], Mapping[str, str]] = dict,
        version: Callable[[Creative], Hashable] = lambda creative: creative.path,
        playing: Callable[[], Iterable[Creative]] = tuple,
    ) -> None:
        """Start with nothing on screen.

        Args:
            settings: of the player.
            choose: the next choice, given the creatives to leave out, each with why.
            new_id: names a play.
            listener: told of everything that happens.
            refused: creatives whose media must not be shown, whatever else there is, and why.
            version: of a creative; another one after its medium changed.
            playing: the creatives of the campaign that is chosen from now; none: one that failed is
                judged by what it was.
        """
        self._settings = settings
        self._choose = choose
        self._new_id = new_id
        self._listener = listener
        self._current: _OnScreen | None = None
        self._next: Play | None = None
        self._given_up: Play | None = None
        self._refused = refused
        self._quarantine = Quarantine(version, playing)
        self._passed_over: dict[str, float] = {}
        self._suspect: str | None = None
        self._failed_s: float | None = None
        self._screen = False

    @property
    def current(self) -> Play | None:
        """What is on screen."""
        return self._current.play if self._current is not None else None

    @property
    def presented(self) -> bool:
        """A screen has confirmed what is on it."""
        return self._current is not None and self._current.presented

    def elapsed_s(self, now_s: float) -> float:
        """How long the current play has been on screen."""
        return now_s - self._current.started_s if self._current is not None else 0.0

    def left_out(self, now_s: float) -> list[LeftOut]:
        """What failed on a screen and is not played for now, the newest last."""
        return self._quarantine.left_out(now_s)

    def left_out_now(self, now_s: float) -> dict[str, str]:
        """All that is not played for now, and why: what failed, and what must not be shown."""
        return {one.creative: one.why for one in self.left_out(now_s)} | dict(self._refused())

    def tick(self, now_s: float) -> None:
        """Do what is due; called many times a second."""
        if self._next is not None and self._screen:
            late = now_s - max(self._next.due_s, self._next.chosen_s)
            if late > self._settings.load_timeout_s:
                self._not_in_time(self._next, now_s)
        if self._next is None and now_s >= self._due_s(now_s) - self._settings.lead_s:
            self._plan(now_s)
        if not self._screen and self._next is not None and now_s >= self._next.due_s:
            self._swap(self._next, now_s, presented=False)

    def screen_connected(self, now_s: float) -> None:
        """A screen is there: what played without one ends, and the screen gets a play at once."""
        self._end_current(now_s)
        self._screen = True
        self._next = None
        self.tick(now_s)

    def screen_lost(self, now_s: float, *, broken: bool = False, silent_s: float = 0.0) -> None:
        """The screen is gone: nothing can be confirmed any more.

        Args:
            now_s: monotonic time.
            broken: it went without a word. What it was loading comes later than others from then
                on. Twice in a row while it was loading or showing the same one: that breaks it.
            silent_s: for how long before it drew nothing: that was no play.
        """
        loading, self._next = self._next if self._screen else None, None
        showing = self._current.play if self._current is not None and self.presented else None
        self._screen = False
        self._end_current(now_s, self.elapsed_s(now_s) - silent_s)
        if broken:
            self._suspect_of(loading, showing, now_s, silent_s)

    def _suspect_of(
        self, loading: Play | None, showing: Play | None, now_s: float, silent_s: float
    ) -> None:
        """Whoever came after it had fallen silent cannot have done it."""
        if loading is not None and loading.chosen_s > now_s - silent_s:
            loading = None
        blamed, did = (loading, "loaded it") if loading is not None else (showing, "showed it")
        if blamed is None:
            return
        creative = blamed.choice.creative
        if self._suspect == creative.id:
            self._leave_out(blamed, BROKE_TWICE.format(did), now_s)
        self._suspect = creative.id
        if loading is not None:
            self._passed_over[creative.id] = now_s + PASSED_OVER_S

    def screen_started(self, play_id: str, now_s: float) -> None:
        """The screen has presented the first frame of a play."""
        if self._next is not None and self._next.play_id == play_id:
            self._swap(self._next, now_s, presented=True)
        elif self._given_up is not None and self._given_up.play_id == play_id:
            # It came late, but it came: it is on screen, and what was prepared since waits for it.
            waiting, late = self._next, self._given_up
            # Told again, it would be a second play of the same name.
            self._given_up = None
            self._swap(late, now_s, presented=True)
            if waiting is not None:
                self._next = replace(waiting, due_s=self._due_s(now_s))

    def screen_ended(self, play_id: str, shown_s: float, now_s: float) -> None:
        """The screen has replaced a play, after showing it for so long."""
        if self._current is not None and self._shows(play_id):
            limit_s = now_s - self._current.started_s + EARLY_S
            self._end_current(now_s, min(shown_s, limit_s))

    def screen_failed(self, play_id: str, why: str, now_s: float) -> None:
        """The screen cannot show a play; another one is chosen."""
        if self._next is not None and self._next.play_id == play_id:
            self._give_up(self._next, why, now_s)
        elif self._current is not None and self._shows(play_id):
            # It broke off on screen: what is next need not wait for its end.
            self._leave_out(self._current.play, why, now_s)
            self._end_current(now_s)

    def stop(self, now_s: float) -> None:
        """End what is on screen, and show nothing more."""
        self.screen_lost(now_s)

    def _shows(self, play_id: str) -> bool:
        return (
            self.presented and self._current is not None and (self._current.play.play_id == play_id)
        )

    def _due_s(self, now_s: float) -> float:
        if self._current is None:
            return now_s
        return self._current.started_s + self._current.play.choice.creative.duration_s

    def _plan(self, now_s: float) -> None:
        choice = self._chosen(now_s)
        if choice is None:
            return
        self._next = Play(self._new_id(), choice, now_s, self._due_s(now_s))
        if self._screen:
            self._listener.prepare(self._next)

    def _chosen(self, now_s: float) -> Decision | None:
        self._passed_over = {c: until for c, until in self._passed_over.items() if until > now_s}
        passed_over = dict.fromkeys(self._passed_over, "others go first: it was late")
        choice = self._choose(passed_over | self.left_out_now(now_s))
        refused = dict(self._refused())
        if choice is not None:
            return choice
        failed_s = self._failed_s if self._screen else None
        if failed_s is not None and now_s - failed_s < DESPERATE_S:
            return None
        # Better a creative that failed a moment ago than none at all.
        return self._choose(refused)

    def _swap(self, play: Play, now_s: float, *, presented: bool) -> None:
        self._end_current(now_s)
        self._current = _OnScreen(play, now_s, presented)
        self._next = None
        self._listener.started(play, presented=presented)

    def _end_current(self, now_s: float, shown_s: float | None = None) -> None:
        if self._current is None:
            return
        ended, self._current = self._current, None
        duration_s = now_s - ended.started_s if shown_s is None else max(0.0, shown_s)
        completed = duration_s >= ended.play.choice.creative.duration_s - EARLY_S
        if completed and ended.presented:
            self._quarantine.played_well(ended.play.choice.creative)
            if self._suspect == ended.play.choice.creative.id:
                self._suspect = None
        self._listener.ended(ended.play, duration_s, completed=completed)

    def _not_in_time(self, play: Play, now_s: float) -> None:
        if self._current is not None:
            self._give_up(play, "the screen did not show it in time", now_s)
            return
        # The screen shows something of its own, which it does not cut: nobody knows until when, and
        # no creative is to blame. The audience may be another one by now, so choose afresh.
        self._passed_over[play.choice.creative.id] = now_s + self._settings.load_timeout_s
        self._given_up, self._next = play, None

    def _give_up(self, play: Play, why: str, now_s: float) -> None:
        self._leave_out(play, why, now_s)
        self._given_up, self._next = play, None

    def _leave_out(self, play: Play, why: str, now_s: float) -> None:
        creative = play.choice.creative
        left_out = self._quarantine.fail(creative, why, now_s)
        self._failed_s = now_s
        log.error(
            "event=creative_failed creative=%s why=%s times=%d: it is left out for %d s",
            creative.id,
            why,
            left_out.failures,
            left_out.until_s - now_s,
        )
