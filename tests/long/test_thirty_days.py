"""Thirty days without a broker: nothing is dropped, and the state file stays below its cap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.ads import load_campaign
from kiosk.audience import draw_release, hours_payload
from kiosk.clock import SystemClock, iso
from kiosk.config import Settings
from kiosk.player import plays_payload
from kiosk.state import (
    Closing,
    Outbox,
    PlayBook,
    PlayStart,
    Store,
    close_hour,
    forget_tables,
    open_store,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

DAYS = 30
PLAY_S = 15
PLAYS_A_MINUTE = 60 // PLAY_S
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
CAMPAIGN = Path(__file__).parents[2] / "kiosk/demo/campaign/campaign.yaml"


def test_thirty_days_of_a_busy_screen_fit_below_the_cap(tmp_path: Path) -> None:
    settings = Settings()
    store = open_store(tmp_path / "state.db", SystemClock())
    # What is measured is room, not safety.
    store.db.execute("PRAGMA synchronous=OFF")
    for day in range(DAYS):
        _play_a_day(store, settings, day)
    outbox = Outbox(store)
    # The broker has taken all of it, head office none of it: the next day all of it goes out again.
    outbox.mark_at_broker(outbox.waiting(DAYS * 24 * 61))
    outbox.forget_broker()
    used_mb = outbox.used_bytes() / 2**20
    files_mb = sum(part.stat().st_size for part in tmp_path.iterdir()) / 2**20
    held = {stream: span.next - span.lowest for stream, span in outbox.spans().items()}
    payload_mb = store.db.execute("SELECT sum(length(payload)) FROM outbox").fetchone()[0] / 2**20
    print(
        f"{DAYS} days, a play every {PLAY_S} s: {held}, {used_mb:.0f} MB used,"
        f" {files_mb:.0f} MB with the log, of which payloads {payload_mb:.0f} MB"
    )
    assert held == {"plays": DAYS * 24 * 60, "hours": DAYS * 24}
    assert used_mb < settings.uplink.state_max_mb
    assert files_mb < settings.uplink.state_max_mb
    store.close()


def _play_a_day(store: Store, settings: Settings, day: int) -> None:
    creatives = load_campaign(CAMPAIGN).creatives
    book, epoch = PlayBook(store), store.epoch
    counts = {f"creative/{one.id}/plays": 80 for one in creatives} | {"ots": 40, "watchers": 20}
    release = draw_release(counts, settings.privacy)
    number = day * 24 * 3600 // PLAY_S
    for minute in range(24 * 60):
        at = BEGIN + timedelta(days=day, minutes=minute)
        for place in range(PLAYS_A_MINUTE):
            name, creative = f"{number:016x}", creatives[number % len(creatives)]
            number += 1
            started = iso(at + timedelta(seconds=place * PLAY_S))
            reason = "targeted: gender=female, age=25-34"
            why = "1 of 2 in view fit gender=female, age=25-34."
            book.start(PlayStart(name, creative.id, "demo", reason, why, started, True))
            book.end(name, PLAY_S - 0.013, completed=True)
        book.batch(lambda seq, plays: plays_payload(seq, plays, epoch), iso(at))
        if minute % 60 == 0:
            _close(store, settings, release, at, epoch)
    book.forget_before(iso(at - timedelta(days=settings.player.keep_plays_days)))
    forget_tables(store, iso(at - timedelta(days=settings.audience.keep_hours_days)))


def _close(store: Store, settings: Settings, release, at: datetime, epoch: str) -> None:
    closing = Closing(
        iso(at), "discrete-laplace", 1.0, "{}", release.tables.model_dump_json(), iso(at)
    )
    close_hour(
        store,
        closing,
        lambda seq: hours_payload(
            release, at, None, policy="full", notice_s=3600, epoch=epoch, seq=seq
        ),
    )
