"""Passes become hour counts, hour counts become published hours."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from kiosk.audience import (
    Counts,
    EndedPass,
    HourBook,
    OnScreen,
    PassBook,
    Run,
    Timekeeper,
    clamps_of,
    count_pass,
)
from kiosk.clock import Clock
from kiosk.config import Settings, is_within
from kiosk.director.closing import Closer
from kiosk.director.journal import Journal
from kiosk.state import (
    Boot,
    OpenHour,
    move_hours,
    open_hours,
    published_hours,
    read_boots,
    save_boot,
    save_hour,
)
from kiosk.vision import VisionRecord

log = logging.getLogger(__name__)

DRAIN_S = 8.0
"""Patience with an hour's noise when the process stops."""


class Counting:
    """The numbers of this device, in memory and checkpointed."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        clock: Clock,
        since_counted_s: Callable[[], float] | None,
        creatives: Callable[[], Iterable[str]],
    ) -> None:
        """Count from nothing; :meth:`settle` joins what the state file holds.

        Args:
            settings: the configuration.
            journal: the state file.
            clock: the time.
            since_counted_s: see :class:`PassBook`.
            creatives: ids of everything that may be played now.
        """
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._creatives = creatives
        self._settled = False
        self._keeper = Timekeeper(clock, settings.clock, None)
        self._hours = HourBook(self._keeper, clock.boot, {}, ())
        self._passes = PassBook(settings.audience, since_counted_s)
        self._closer = Closer(settings.privacy, journal, self.utc)
        self._saved_s = self._ticked_s = clock.monotonic()
        self._opened = 0
        self.passes = 0
        self.watchers = 0

    async def settle(self) -> None:
        """Once the state file could be opened: join what it holds with what was counted since."""
        if self._settled or not self._journal.opened:
            return
        boots = await self._journal.read(read_boots)
        saved = await self._journal.read(open_hours)
        published = await self._journal.read(published_hours)
        this = next((one for one in boots if one.boot == self._clock.boot), None)
        if this is not None and self._keeper.offset_s is None:
            self._keeper.offset_s = this.offset_s
        book = HourBook(
            self._keeper,
            self._clock.boot,
            {one.hour: one.counts for one in saved},
            published,
            [Run(one.boot, one.last_s, one.offset_s) for one in boots if one is not this],
        )
        book.take_over(self._hours.everything())
        self._hours, self._settled, self._opened = book, True, self._journal.opened_times
        self._keeper.look()
        # Before anything that was counted in this run, so that its counts can be placed by it.
        self._save_boot()

    def record(self, record: VisionRecord, play: OnScreen | None) -> None:
        """Take in what vision says, while a play is on screen."""
        self._count(self._passes.update(record, play))

    def vision_lost(self) -> None:
        """Whoever was in view has passed: a new vision process knows nobody of them."""
        self._count(self._passes.end_all())

    def played(self, creative: str) -> None:
        """A screen presents a play."""
        self._add({"plays": 1, f"creative/{creative}/plays": 1})

    def attention_s(self, viewer_id: str) -> float:
        """Seconds that a present viewer has faced the screen."""
        return self._passes.attention_s(viewer_id)

    @property
    def sees_counted(self) -> bool:
        """Somebody whom a director before us counted is in view, or may be."""
        return self._passes.sees_counted

    @property
    def clock_known(self) -> bool:
        """Hours can be labelled."""
        return self._keeper.offset_s is not None

    def utc(self) -> datetime:
        """Now, for labels: by the clock as it is believed, or as it stands while it is not."""
        return self._keeper.utc(self._clock.since_boot()) or self._clock.utc()

    def present(self) -> tuple[str, Counts]:
        """The present hour, or what stands for it while the time is not known, and its counts."""
        now_s = self._clock.since_boot()
        return self._hours.slot(now_s), self._hours.present(now_s)

    def open_hours(self) -> list[OpenHour]:
        """Every hour that is not published, as it stands; not what waits for the time."""
        counted = self._closer.waiting | self._hours.named()
        return [OpenHour(slot, counts) for slot, counts in counted.items()]

    @property
    def waiting(self) -> int:
        """How many stretches of counts wait for the time."""
        return self._hours.waiting

    def tick(self, *, notice: bool) -> None:
        """Checkpoint what changed and publish what is over.

        Args:
            notice: a screen has confirmed that the notice stands on it.
        """
        now_s, boot_s = self._clock.monotonic(), self._clock.since_boot()
        self._keeper.look()
        self._open(boot_s)
        if notice:
            self._count_notice(now_s)
        else:
            self._ticked_s = now_s
        if not self._settled:
            return
        if self._opened != self._journal.opened_times:
            self._opened = self._journal.opened_times
            self._hours.save_again()
        if now_s - self._saved_s >= self._settings.audience.checkpoint_s:
            self.save()
        self._place(boot_s)
        if over := self._hours.over(boot_s):
            self.save()
            for slot in over:
                self._closer.begin(slot, self._hours.close(slot))

    def _open(self, boot_s: float) -> None:
        self._hours.open(boot_s, self._creatives(), clamps_of(self._settings.privacy))

    def _count_notice(self, now_s: float) -> None:
        whole_s = int(now_s - self._ticked_s)
        if whole_s > 0:
            self._ticked_s += whole_s
            self._add({"notice_s": whole_s})

    def _place(self, boot_s: float) -> None:
        moves = self._hours.place(boot_s, self._is_staff_time)
        if moves is not None:
            log.info("event=hours_placed waiting=%d", len(moves.gone))
            # By a key of its own it is never left out, however much waits for the disk.
            self._journal.write(
                lambda store: move_hours(store, moves.gone, moves.changed), f"move {boot_s}"
            )

    def save(self) -> None:
        """Checkpoint the hours that changed, and how long this run of the machine has lasted."""
        if not self._settled:
            # To write now would replace counts of before that nobody has read yet.
            return
        self._saved_s = self._clock.monotonic()
        for slot, counts in self._hours.unsaved().items():
            self._journal.write(partial(save_hour, hour=slot, counts=counts), f"hour {slot}")
        self._save_boot()
        # What the log holds of earlier checkpoints would tell one pass from the next.
        self._journal.write(lambda store: store.forget_log(), "log")

    def _save_boot(self) -> None:
        boot = Boot(self._clock.boot, self._clock.since_boot(), self._keeper.offset_s)
        self._journal.write(lambda store: save_boot(store, boot), "boot")

    def stop(self) -> None:
        """Count whoever is in view, checkpoint, and close the open hour if that is wished."""
        self.vision_lost()
        if not self._settled:
            log.error("event=state_write_lost: the state file could not be opened: counts are lost")
            return
        self.save()
        if self._settings.audience.publish_open_hour_on_stop and self.clock_known:
            slot, counts = self.present()
            if counts:
                self._closer.begin(slot, self._hours.close(slot))

    async def drain(self) -> None:
        """Wait for the noise of hours that were closed; what does not come now is drawn later."""
        await self._closer.drain(DRAIN_S)

    def _count(self, ended: list[EndedPass]) -> None:
        # While the time is not known everybody is counted; hours find out when they are placed.
        if ended and self.clock_known and self._is_staff_time(self.utc()):
            return
        for one in ended:
            counts = count_pass(one, self._settings.audience, self._settings.privacy)
            self._add(counts)
            self.passes += 1
            self.watchers += counts.get("watchers", 0)

    def _is_staff_time(self, moment: datetime) -> bool:
        windows = self._settings.audience.staff_hours
        return is_within(windows, moment, self._settings.device.timezone)

    def _add(self, counts: Counts) -> None:
        boot_s = self._clock.since_boot()
        self._open(boot_s)
        self._hours.add(counts, boot_s)
