"""The journal: writes arrive in order, once, and wait for a disk that is full."""

from __future__ import annotations

import asyncio
import threading

import pytest

from kiosk.director.journal import Journal
from kiosk.errors import StateError
from kiosk.state import PlayBook, PlayStart, Store, open_store, read_health, write_health
from tests.fakes import FakeClock

AT = "2026-03-04T12:00:00Z"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr("kiosk.director.journal.RETRY_S", 0.01)


def note(text: str):
    def write(store: Store) -> None:
        with store.transaction() as db:
            db.execute("INSERT INTO streams VALUES (?, 1)", [text])

    return write


def begin(name: str):
    return lambda store: PlayBook(store).start(PlayStart(name, "tea", "c", "r", "e", AT, True))


def finish(name: str):
    return lambda store: PlayBook(store).end(name, 8, completed=True)


def notes(path) -> list[str]:
    store = open_store(path, FakeClock())
    try:
        return [row[0] for row in store.db.execute("SELECT stream FROM streams ORDER BY rowid")]
    finally:
        store.close()


def with_journal(path, scenario):
    async def run():
        journal = Journal(path, FakeClock())
        await journal.open()
        try:
            await scenario(journal)
        finally:
            await journal.close(2)

    asyncio.run(run())


async def empty(journal) -> None:
    for _ in range(6000):
        if not journal._waiting:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("not written within 30 s")


def test_writes_arrive_in_order_and_the_last_ones_at_the_close(tmp_path):
    async def scenario(journal):
        for number in range(200):
            journal.write(note(f"{number:03}"))

    with_journal(tmp_path / "s.db", scenario)
    assert notes(tmp_path / "s.db") == [f"{number:03}" for number in range(200)]


def test_a_write_that_fails_holds_its_place_until_it_succeeds(tmp_path):
    tries = []

    def full(store):
        tries.append(1)
        if len(tries) < 4:
            raise StateError("full")
        note("b")(store)

    async def scenario(journal):
        journal.write(note("a"))
        journal.write(full)
        journal.write(note("c"))
        await empty(journal)
        assert not journal.failing

    with_journal(tmp_path / "s.db", scenario)
    assert notes(tmp_path / "s.db") == ["a", "b", "c"]
    assert len(tries) == 4


@pytest.mark.parametrize(
    "poison",
    [
        lambda store: 1 / (store is None),
        note("a"),
        lambda store: store.db.execute("INSERT INTO streams VALUES (?)", []),
    ],
    ids=["a bug", "a row that is there", "wrong parameters"],
)
def test_a_write_that_can_never_succeed_does_not_hold_up_the_others(tmp_path, caplog, poison):
    async def scenario(journal):
        for write in (note("a"), poison, note("z")):
            journal.write(write)
        await empty(journal)

    with_journal(tmp_path / "s.db", scenario)
    assert notes(tmp_path / "s.db") == ["a", "z"]
    assert "event=state_write_lost count=1" in caplog.text


def test_a_later_write_of_a_kind_supersedes_the_one_that_waits(tmp_path):
    release = threading.Event()

    def hang(store):
        assert release.wait(5)

    async def scenario(journal):
        journal.write(hang)
        for number in range(1000):
            journal.write(lambda store, n=number: write_health(store, "d", {"n": n}, AT), "health")
        assert len(journal._waiting) == 2
        release.set()
        await empty(journal)
        assert await journal.read(lambda store: read_health(store, "d")) == ({"n": 999}, AT)

    with_journal(tmp_path / "s.db", scenario)


def test_a_write_of_a_kind_that_is_under_way_is_not_superseded_but_followed(tmp_path):
    begun, release = threading.Event(), threading.Event()

    def first(store):
        begun.set()
        assert release.wait(5)
        note("first")(store)

    async def scenario(journal):
        journal.write(first, "kind")
        while not begun.is_set():
            await asyncio.sleep(0.001)
        journal.write(note("second"), "kind")
        journal.write(note("third"), "other")
        release.set()
        await empty(journal)

    with_journal(tmp_path / "s.db", scenario)
    assert notes(tmp_path / "s.db") == ["first", "second", "third"]


def test_what_waits_is_bounded_and_what_was_asked_first_is_kept(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("kiosk.director.journal.MAX_WAITING", 3)
    release = threading.Event()

    def hang(store):
        assert release.wait(5)
        note("0")(store)

    async def scenario(journal):
        journal.write(hang)
        await asyncio.sleep(0.02)
        for number in range(1, 10):
            journal.write(note(f"{number}"))
        release.set()
        await empty(journal)
        journal.write(note("later"))

    with_journal(tmp_path / "s.db", scenario)
    assert notes(tmp_path / "s.db") == ["0", "1", "2", "later"]
    assert caplog.text.count("event=state_write_lost") == 1


def test_a_file_that_another_process_set_aside_is_left_for_the_fresh_one(tmp_path):
    path = tmp_path / "s.db"

    async def scenario(journal):
        journal.write(note("old"))
        await empty(journal)
        for suffix in ("", "-wal", "-shm"):
            (tmp_path / f"s.db{suffix}").rename(tmp_path / f"s.db.corrupt{suffix}")
        open_store(path, FakeClock()).close()
        journal.write(note("new"))
        await empty(journal)

    with_journal(path, scenario)
    assert notes(path) == ["new"]


def test_a_file_that_is_damaged_while_it_is_open_is_set_aside_and_the_writes_go_on(tmp_path):
    path = tmp_path / "s.db"

    async def scenario(journal):
        for number in range(300):
            journal.write(begin(f"{number}"))
        await empty(journal)
        await journal.read(lambda store: store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
        with path.open("r+b") as file:
            file.write(b"\xaa" * path.stat().st_size)
        await journal.read(lambda store: store.db.execute("PRAGMA shrink_memory"))
        journal.write(begin("x"))
        journal.write(finish("x"))
        await empty(journal)
        found = await journal.read(
            lambda store: store.db.execute("SELECT play_id, completed FROM plays").fetchall()
        )
        assert found == [("x", 1)]

    with_journal(path, scenario)
    assert len(list(tmp_path.glob("s.db.corrupt-*Z"))) == 1


def test_a_write_that_hangs_at_the_close_is_waited_for_and_written_once(tmp_path):
    times = []

    def slow(store):
        times.append(1)
        threading.Event().wait(0.2)
        note("slow")(store)

    async def scenario(journal):
        journal.write(slow)
        journal.write(note("after"))
        await asyncio.sleep(0.02)

    with_journal(tmp_path / "s.db", scenario)
    assert notes(tmp_path / "s.db") == ["slow", "after"]
    assert len(times) == 1


def test_the_close_gives_up_on_a_disk_that_stays_full_and_says_so(tmp_path, caplog):
    def full(store):
        raise StateError("full")

    async def scenario(journal):
        journal.write(full)
        journal.write(note("behind"))
        await asyncio.sleep(0.02)

    with_journal(tmp_path / "s.db", scenario)
    assert "event=state_write_lost count=2" in caplog.text


def test_a_second_holder_is_refused_until_the_first_one_closes(tmp_path):
    async def scenario(journal):
        other = Journal(tmp_path / "s.db", FakeClock())
        with pytest.raises(StateError, match="another director holds it") as refused:
            await other.open()
        assert refused.value.hint
        await other.close()

    with_journal(tmp_path / "s.db", scenario)
    with_journal(tmp_path / "s.db", empty)
