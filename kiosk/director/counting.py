"""Passes become hour counts, hour counts become published hours."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from kiosk.audience import EndedPass, HourBook, PassBook, count_pass, hours_payload
from kiosk.clock import Clock, iso
from kiosk.config import Settings
from kiosk.director.journal import Journal
from kiosk.state import Store, close_hour, open_hours, published_hours, save_hour
from kiosk.vision import VisionRecord

log = logging.getLogger(__name__)


class Counting:
    """The numbers of this device, in memory and checkpointed."""

    def __init__(
        self, settings: Settings, journal: Journal, clock: Clock, hours: HourBook, passes: PassBook
    ) -> None:
        """Count into ``hours``; :meth:`resume` makes one that knows what was counted before."""
        self._settled = journal.opened
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._hours = hours
        self._passes = passes
        self._saved_s = clock.monotonic()
        self.passes = 0
        self.watchers = 0

    @classmethod
    async def resume(
        cls,
        settings: Settings,
        journal: Journal,
        clock: Clock,
        since_counted_s: Callable[[], float] | None,
    ) -> Counting:
        """Go on from the state file.

        Args:
            settings: the configuration.
            journal: the open state file.
            clock: the time.
            since_counted_s: see :class:`PassBook`.
        """
        passes = PassBook(settings.audience.max_step_s, since_counted_s)
        book = await _saved(journal) if journal.opened else HourBook({}, ())
        return cls(settings, journal, clock, book, passes)

    async def settle(self) -> None:
        """Once the state file could be opened: join what it holds with what was counted since."""
        if self._settled or not self._journal.opened:
            return
        book = await _saved(self._journal)
        book.take_over(self._hours.everything())
        self._hours, self._settled = book, True

    def record(self, record: VisionRecord, creative: str | None) -> None:
        """Take in what vision says, while a creative is on screen."""
        self._count(self._passes.update(record, creative))

    def vision_lost(self) -> None:
        """Whoever was in view has passed: a new vision process knows nobody of them."""
        self._count(self._passes.end_all())

    def attention_s(self, viewer_id: str) -> float:
        """Seconds that a present viewer has faced the screen."""
        return self._passes.attention_s(viewer_id)

    @property
    def sees_counted(self) -> bool:
        """Somebody whom a director before us counted is in view, or may be."""
        return self._passes.sees_counted

    def present(self) -> tuple[str, dict[str, int]]:
        """Label and counts of the present hour."""
        now = self._clock.utc()
        return self._hours.label(now), self._hours.present(now)

    def tick(self) -> None:
        """Checkpoint what changed and publish what is over."""
        now = self._clock.utc()
        self._hours.open(now)
        if not self._settled:
            return
        if self._clock.monotonic() - self._saved_s >= self._settings.audience.checkpoint_s:
            self.save()
        over = self._hours.over(now)
        if over:
            self.save()
            for hour, counts in over.items():
                self._publish(hour, counts)

    def save(self) -> None:
        """Checkpoint the hours that changed."""
        if not self._settled:
            # To write now would replace counts of before that nobody has read yet.
            return
        self._saved_s = self._clock.monotonic()
        for hour, counts in self._hours.unsaved().items():
            self._journal.write(partial(save_hour, hour=hour, counts=counts), f"hour {hour}")

    def stop(self) -> None:
        """Count whoever is in view, checkpoint, and publish the open hour if that is wished."""
        self.vision_lost()
        if not self._settled:
            log.error("event=state_write_lost: the state file could not be opened: counts are lost")
            return
        self.save()
        if self._settings.audience.publish_open_hour_on_stop:
            hour, counts = self.present()
            if counts:
                self._publish(hour, counts)

    def _count(self, ended: list[EndedPass]) -> None:
        for one in ended:
            counts = count_pass(one, self._settings.audience, self._settings.privacy)
            self._hours.add(counts, self._clock.utc())
            self.passes += 1
            self.watchers += counts.get("watchers", 0)

    def _publish(self, hour: str, counts: dict[str, int]) -> None:
        privacy, at = self._settings.privacy, iso(self._clock.utc())

        def publish(store: Store) -> None:
            seq = close_hour(
                store,
                hour,
                privacy.noise,
                lambda seq: hours_payload(counts, hour, privacy, store.epoch, seq),
                at,
            )
            log.info("event=hour_published hour=%s seq=%s", hour, seq)

        self._journal.write(publish, f"publish {hour}")
        self._hours.published(hour)


async def _saved(journal: Journal) -> HourBook:
    saved = await journal.read(open_hours)
    published = await journal.read(published_hours)
    return HourBook({one.hour: one.counts for one in saved}, published)
