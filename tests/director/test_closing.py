"""An hour's noise is drawn once, whatever happens around it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from kiosk.audience import Release, tables_of
from kiosk.config import PrivacySettings
from kiosk.director.closing import Closer
from kiosk.director.journal import Journal
from kiosk.errors import NoiseError
from kiosk.state import open_hours, open_store, read_ledger, save_hour
from kiosk.wire import Clamps, Noise
from tests.director.shop import look, opened, outbox, woman
from tests.fakes import NOON, FakeClock

CLAMPS = Clamps(dwell_s=30, attention_s=30, impressions=4)
HOUR = "2026-03-04T12:00:00Z"
ROOT = Path(__file__).parents[2]


class Draws:
    """Noise whose draws are numbered, so that two of one hour can be told apart."""

    def __init__(self, failures: int = 0) -> None:
        self.made = count(1)
        self.failures = failures
        self.threads: set[int] = set()

    def __call__(self, counts, settings: PrivacySettings) -> Release:
        self.threads.add(threading.get_ident())
        if self.failures:
            self.failures -= 1
            raise NoiseError("no memory")
        tables = tables_of({**counts, "ots": 1000 + next(self.made)})
        return Release(tables, Noise(epsilon=settings.epsilon, scales={"visits": 4.0}), CLAMPS)


def published(folder: Path) -> list[int]:
    rows = look(folder, "SELECT payload FROM outbox WHERE stream = 'hours' ORDER BY seq")
    return [json.loads(row[0])["tables"]["ots"] for row in rows]


async def close(folder: Path, draws: Draws, *, disturb=lambda _journal: None) -> None:
    journal = Journal(folder / "state.db", FakeClock())
    await journal.open()
    closer = Closer(PrivacySettings(), journal, lambda: NOON, draws)
    disturb(journal)
    closer.begin(HOUR, {"ots": 3})
    await closer.drain(5)
    await journal.close()


def test_an_hour_that_is_closed_twice_stands_as_it_was_published(tmp_path, caplog):
    caplog.set_level("INFO")
    draws = Draws()
    for _ in range(3):
        asyncio.run(close(tmp_path, draws))
    assert published(tmp_path) == [1001]
    assert len(read_ledger(tmp_path / "state.db")) == 1
    assert caplog.text.count("event=hour_closed_before") == 2
    assert threading.get_ident() not in draws.threads, "the screen does not wait for the draw"


def test_a_disk_that_fails_for_a_while_gets_the_same_draw(tmp_path, monkeypatch):
    monkeypatch.setattr("kiosk.director.journal.RETRY_S", 0.02)
    failures = iter(range(4))

    def disturb(journal: Journal) -> None:
        perform = journal._perform

        def fail(operation) -> None:
            if next(failures, None) is not None:
                # It may have been written: the answer was lost.
                perform(operation)
                raise OSError("no answer")
            perform(operation)

        monkeypatch.setattr(journal, "_perform", fail)

    draws = Draws()
    asyncio.run(close(tmp_path, draws, disturb=disturb))
    assert next(draws.made) == 2, "one draw was made"
    assert published(tmp_path) == [1001]


def test_nothing_is_published_while_noise_cannot_be_drawn(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("kiosk.director.closing.RETRY_S", 0.05)
    asyncio.run(close(tmp_path, Draws(failures=3)))
    assert published(tmp_path) == [1001]
    assert caplog.text.count("event=noise_failed") == 1


def test_noise_that_never_comes_leaves_the_counts_for_the_next_process(tmp_path, monkeypatch):
    async def scenario(wished):
        audience = {"publish_open_hour_on_stop": wished, "socket": tmp_path / "a"}
        async with opened(tmp_path, audience=audience) as shop, shop.vision() as see:
            if wished:
                await see(woman(shop))
                await shop.go(1)

    def fail(*_):
        raise NoiseError("the package is missing")

    monkeypatch.setattr("kiosk.director.counting.DRAIN_S", 0.3)
    with monkeypatch.context() as broken:
        broken.setattr("kiosk.director.closing.Closer.__init__.__defaults__", (fail,))
        asyncio.run(scenario(True))
    assert outbox(tmp_path, "hours") == []
    assert look(tmp_path, "SELECT sum(count) FROM open_hours WHERE cell = 'ots'") == [(1,)]
    later = FakeClock(NOON + timedelta(hours=2), 9000.0)

    async def again():
        async with opened(tmp_path, later) as shop:
            await shop.until(lambda: read_ledger(tmp_path / "state.db"), "the hour is published")

    asyncio.run(again())
    assert [(one["hour"], one["tables"]["ots"]) for one in outbox(tmp_path, "hours")] == [(HOUR, 1)]


def test_what_no_draw_may_end_goes_on_with_the_next_one(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("kiosk.director.closing.RETRY_S", 0.05)

    class Thin(Draws):
        def __call__(self, counts, settings):
            if next(self.tries) < 2:
                raise RuntimeError("can't start new thread")
            return super().__call__(counts, settings)

        tries = count()

    asyncio.run(close(tmp_path, Thin()))
    assert published(tmp_path) == [1001]
    assert "event=noise_failed" in caplog.text


def test_of_a_published_hour_no_exact_count_is_left_in_any_file(tmp_path):
    cell = b"age_gender/65+/male"

    async def scenario():
        journal = Journal(tmp_path / "state.db", FakeClock())
        await journal.open()
        for number in range(5):
            counts = {cell.decode(): number, "ots": 3}
            journal.write(lambda store, counts=counts: save_hour(store, HOUR, counts))
        closer = Closer(PrivacySettings(), journal, lambda: NOON, Draws())
        closer.begin(HOUR, {"ots": 3})
        await closer.drain(5)
        while journal._waiting:
            await asyncio.sleep(0.01)
        # While the file is open: whoever closes it empties its log in any case.
        left = [one.name for one in tmp_path.iterdir() if cell in one.read_bytes()]
        await journal.close()
        return left

    assert asyncio.run(scenario()) == []
    assert published(tmp_path) == [1001]


def test_counts_that_are_placed_are_moved_however_much_waits_for_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("kiosk.director.journal.MAX_WAITING", 0)
    with closing(open_store(tmp_path / "state.db", FakeClock())) as store:
        save_hour(store, "boot/boot-1/0+60", {"ots": 3})
    clock = FakeClock(seconds=7200.0)

    async def scenario():
        async with opened(tmp_path, clock) as shop:
            await shop.until(lambda: read_ledger(tmp_path / "state.db"), "the hour is published")

    asyncio.run(scenario())
    assert not look(tmp_path, "SELECT 1 FROM open_hours WHERE hour LIKE 'boot/%'")
    assert sum(one["tables"]["ots"] for one in outbox(tmp_path, "hours")) == 3


def test_counts_are_written_again_into_a_file_that_takes_the_place_of_a_lost_one(tmp_path):
    async def scenario():
        clock = FakeClock()
        async with opened(tmp_path, clock) as shop:
            async with shop.vision() as see:
                await see(woman(shop, since_s=5))
                await shop.go(0.4)
                await see()
                await shop.go(12)
            await shop.written()
            for suffix in ("", "-wal", "-shm"):
                (tmp_path / f"state.db{suffix}").unlink(missing_ok=True)
            await shop.go(25)
            await shop.written()

    asyncio.run(scenario())
    assert look(tmp_path, "SELECT sum(count) FROM open_hours WHERE cell = 'ots'") == [(1,)]


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.director.test_closing import Draws, close
print("begun", flush=True)
asyncio.run(close(Path(sys.argv[1]), Draws()))
print("done", flush=True)
"""


@pytest.mark.parametrize("after_s", [0.0, 0.005, 0.02, 0.05, 0.15])
def test_a_process_that_is_killed_at_any_moment_publishes_an_hour_once(tmp_path, after_s):
    with closing(open_store(tmp_path / "state.db", FakeClock())) as store:
        save_hour(store, HOUR, {"ots": 3})
    for _ in range(2):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(after_s)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        sent = published(tmp_path)
        with closing(open_store(tmp_path / "state.db", FakeClock())) as store:
            still = sum(one.counts.get("ots", 0) for one in open_hours(store))
        # Either published, with its one draw, or still there to be.
        assert (len(sent), still) in {(1, 0), (0, 3)}
        assert len(read_ledger(tmp_path / "state.db")) == len(sent)
    asyncio.run(close(tmp_path, Draws()))
    assert len(published(tmp_path)) == 1
    assert len(read_ledger(tmp_path / "state.db")) == 1
