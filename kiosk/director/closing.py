"""An hour that is over: its noise is drawn once, beside the event loop, and then it is published.

The draw is kept until the state file has taken it, so a write that has to be repeated writes the
same bytes. A process that ends between the two leaves the counts where they were: nothing of that
draw was ever seen, and the next process draws the hour's one release.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import datetime

from kiosk.audience import Counts, Release, clamped_as, draw_release, hours_payload, published_as
from kiosk.clock import iso
from kiosk.config import PrivacySettings
from kiosk.director.journal import Journal
from kiosk.errors import KioskError
from kiosk.state import Closing, Store, close_hour

log = logging.getLogger(__name__)

RETRY_S = 60.0

Draw = Callable[[Counts, PrivacySettings], Release]


class Closer:
    """Publishes hours, one at a time, each once."""

    def __init__(
        self,
        settings: PrivacySettings,
        journal: Journal,
        utc: Callable[[], datetime],
        draw: Draw = draw_release,
    ) -> None:
        """Publish into the journal's outbox.

        Args:
            settings: of noise.
            journal: the state file.
            utc: now, for the ledger.
            draw: makes a release of counts; blocks, so it runs in a thread.
        """
        self._settings = settings
        self._journal = journal
        self._utc = utc
        self._draw = draw
        self._waiting: dict[str, Counts] = {}
        self._task: asyncio.Task[None] | None = None
        self._failing = False

    @property
    def waiting(self) -> dict[str, Counts]:
        """Hours whose noise is not drawn yet."""
        return dict(self._waiting)

    def begin(self, slot: str, counts: Counts) -> None:
        """Have an hour published; nothing may be added to it any more."""
        self._waiting[slot] = counts
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def drain(self, patience_s: float) -> None:
        """Wait until what was begun has reached the journal.

        What has not is published by the next process: its counts are in the state file.
        """
        if self._task is None or self._failing:
            return
        await asyncio.wait([self._task], timeout=patience_s)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        while self._waiting:
            slot, counts = next(iter(self._waiting.items()))
            settings = clamped_as(counts, self._settings)
            try:
                release = await asyncio.to_thread(self._draw, counts, settings)
            except Exception as bad:  # noqa: BLE001 - too little memory for a child, for example
                self._complain(bad)
                await asyncio.sleep(RETRY_S)
                continue
            self._failing = False
            self._publish(slot, release, counts.get("notice_s", 0))
            del self._waiting[slot]

    def _complain(self, bad: Exception) -> None:
        if not self._failing:
            why = bad if isinstance(bad, KioskError) else repr(bad)
            log.error("event=noise_failed reason=%s: hours wait, nothing is published", why)
        self._failing = True

    def _publish(self, slot: str, release: Release, notice_s: int) -> None:
        hour, between = published_as(slot)
        noise = release.noise
        closing = Closing(
            hour=slot,
            noise=noise if noise == "off" else noise.mechanism,
            epsilon=None if noise == "off" else noise.epsilon,
            scales="{}" if noise == "off" else json.dumps(noise.scales),
            tables=release.tables.model_dump_json(),
            at=iso(self._utc()),
        )

        def publish(store: Store) -> None:
            seq = close_hour(
                store,
                closing,
                lambda seq: hours_payload(
                    release,
                    hour,
                    between,
                    policy=self._settings.policy,
                    notice_s=notice_s,
                    epoch=store.epoch,
                    seq=seq,
                ),
            )
            if seq is None:
                log.warning("event=hour_closed_before hour=%s: it stands as it was published", slot)
            else:
                log.info("event=hour_published hour=%s seq=%s", slot, seq)
            store.forget_log()

        self._journal.write(publish, f"publish {slot}")
