"""Plays: written at their first frame and at their end, with what each of them delivered."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from kiosk.clock import Clock, iso
from kiosk.config import Settings
from kiosk.director.choosing import Choosing
from kiosk.director.journal import Journal
from kiosk.director.status import Presented
from kiosk.player import Play, plays_payload
from kiosk.state import PlayBook, PlayStart, Store, forget_tables

log = logging.getLogger(__name__)


class Playing:
    """The plays of this director.

    Attributes:
        reasons: how many began, by reason.
        presented: those that a screen has confirmed.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        clock: Clock,
        choosing: Choosing,
        utc: Callable[[], datetime],
    ) -> None:
        """Nothing has played.

        Args:
            settings: the configuration.
            journal: the state file.
            clock: the time.
            choosing: is told what becomes of its choices.
            utc: now, for labels.
        """
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._choosing = choosing
        self._utc = utc
        self._on_screen = ""
        self.reasons: Counter[str] = Counter()
        self.presented = Presented()

    def started(self, play: Play, *, presented: bool) -> None:
        """Write a play at its first frame."""
        choice = play.choice
        start = PlayStart(
            play_id=play.play_id,
            creative=choice.creative.id,
            campaign=choice.campaign,
            reason=choice.reason,
            explanation=choice.explanation,
            started=iso(self._utc()),
            presented=presented,
            contract=choice.creative.contract,
            propensity=choice.propensity,
            control=choice.control,
            decision=choice.record() if choice.considered else None,
        )
        self.reasons[start.reason] += 1
        self._on_screen = play.play_id if presented else ""
        if presented:
            self.presented = self.presented.with_play(play, self._clock.monotonic())
        log.info("event=play creative=%s", start.creative)
        self._choosing.started(choice, presented=presented)
        self._journal.write(lambda store: PlayBook(store).start(start))

    def ended(self, play: Play, duration_s: float, *, completed: bool) -> None:
        """Write a play's end."""
        attention_s, delivered = self._choosing.ended(
            play.choice, duration_s, completed=completed, presented=self._on_screen == play.play_id
        )
        self._journal.write(
            lambda store: PlayBook(store).end(
                play.play_id,
                duration_s,
                completed=completed,
                attention_s=attention_s,
                delivered=delivered,
            )
        )

    def batch(self) -> None:
        """Put what has ended into the outbox, and forget what is too old."""
        at = self._utc()
        keep = timedelta(days=self._settings.player.keep_plays_days)
        keep_hours = timedelta(days=self._settings.audience.keep_hours_days)
        self._journal.write(
            partial(_batch, now=iso(at), plays=iso(at - keep), tables=iso(at - keep_hours)), "batch"
        )


def _batch(store: Store, now: str, plays: str, tables: str) -> None:
    book = PlayBook(store)
    book.batch(lambda seq, ended: plays_payload(seq, ended, store.epoch), now)
    book.forget_before(plays)
    forget_tables(store, tables)
