"""A device that has played, and the hours that it published, with noise drawn by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kiosk.clock import SystemClock, iso
from kiosk.player import plays_payload
from kiosk.state import Closing, PlayBook, PlayStart, close_hour, open_store
from kiosk.wire import Clamps, Hours, HourTables, Noise

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Showing:
    """A play; by default a whole one."""

    name: str
    start: datetime
    contract: str | None = None
    creative: str = "tea"
    presented: bool = True
    completed: bool = True
    ended: bool = True


class Shop:
    """The director's side of a state file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def show(self, *showings: Showing) -> None:
        with closing(open_store(self.path, SystemClock())) as store:
            book = PlayBook(store)
            for one in showings:
                book.start(
                    PlayStart(
                        one.name,
                        one.creative,
                        "spring",
                        "rotation: no match",
                        "why",
                        iso(one.start),
                        one.presented,
                        one.contract,
                    )
                )
                if one.ended:
                    book.end(one.name, 8.25, completed=one.completed)

    def publish(
        self, hour: datetime, plays: int, impressions: int | None, scale: float | None = None
    ) -> None:
        """An hour of it, as a director publishes one."""
        tables = HourTables(
            plays=plays, ots=4, watchers=2, dwell_s=None, attention_s=None,
            impressions=impressions, impressions_age_gender=None, age_gender=None, mood=None,
            group_size=None, creatives={},
        )  # fmt: skip
        noise = "off" if scale is None else Noise(epsilon=1.0, scales={"impressions": scale})
        with closing(open_store(self.path, SystemClock())) as store:

            def payload(seq: int) -> bytes:
                return Hours(
                    epoch=store.epoch, seq=seq, hour=hour, policy="full", noise=noise,
                    clamps=Clamps(dwell_s=30, attention_s=30, impressions=4), notice_s=0,
                    tables=tables,
                ).encode()  # fmt: skip

            one = Closing(
                iso(hour),
                "off" if noise == "off" else noise.mechanism,
                None if noise == "off" else noise.epsilon,
                "{}" if noise == "off" else json.dumps(noise.scales),
                tables.model_dump_json(),
                iso(hour + HOUR),
            )
            close_hour(store, one, payload)

    def send(self) -> Iterator[tuple[str, bytes]]:
        """What waits for head office, by leaf of its topic."""
        with closing(open_store(self.path, SystemClock())) as store:
            epoch = store.epoch
            while PlayBook(store).batch(
                lambda seq, plays: plays_payload(seq, plays, epoch), iso(NOON), limit=3
            ):
                pass
            rows = store.db.execute("SELECT stream, payload FROM outbox ORDER BY stream, seq")
            for stream, payload in rows.fetchall():
                yield f"up/{stream}", payload
