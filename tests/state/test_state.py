"""The state file: what is in it stays in it, once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.errors import StateError
from kiosk.state import (
    Outbox,
    PlayBook,
    open_hours,
    open_store,
    published_hours,
    read_deliveries,
)
from kiosk.state.outbox import append
from tests.fakes import FakeClock
from tests.state.rows import AT, names, play, put, rows

ROOT = Path(__file__).parents[2]


@given(st.lists(st.tuples(st.sampled_from(["hours", "plays"]), st.booleans()), max_size=30))
@settings(max_examples=25, deadline=None)
def test_numbers_are_contiguous_in_each_stream_whatever_fails(tmp_path_factory, steps):
    store = open_store(tmp_path_factory.mktemp("state") / "state.db", FakeClock())
    wanted: list[tuple[str, int, bytes]] = []

    def fail(seq: int) -> bytes:
        raise ValueError("cannot build")

    for stream, good in steps:
        if good:
            put(store, stream, 1)
            seq = sum(one[0] == stream for one in wanted) + 1
            wanted.append((stream, seq, b"%d" % seq))
        else:
            with pytest.raises(ValueError, match="cannot build"), store.transaction() as db:
                append(db, stream, fail, AT)
    assert rows(store) == sorted(wanted)
    store.close()


def test_numbers_go_on_after_everything_was_acknowledged_and_the_file_opened_again(path, store):
    put(store, "plays", 3)
    assert Outbox(store).acknowledge("plays", store.epoch, 3) == 3
    store.close()
    again = open_store(path, FakeClock())
    put(again, "plays", 1)
    assert [row[1] for row in rows(again)] == [4]
    again.close()


def test_an_acknowledgement_deletes_only_what_it_covers(store):
    put(store, "plays", 3)
    put(store, "hours", 3)
    assert Outbox(store).acknowledge("plays", store.epoch, 2) == 2
    assert [row[:2] for row in rows(store)] == [
        ("hours", 1),
        ("hours", 2),
        ("hours", 3),
        ("plays", 3),
    ]
    assert Outbox(store).acknowledge("plays", store.epoch, 2) == 0


@pytest.mark.parametrize(
    ("stream", "epoch", "seq"),
    [("plays", "ffffffff", 2), ("plays", None, 4), ("plays", None, 2**70), ("other", None, 1)],
    ids=["another life of the file", "beyond the last", "beyond any integer", "another stream"],
)
def test_an_acknowledgement_that_cannot_be_meant_for_us_deletes_nothing(store, stream, epoch, seq):
    put(store, "plays", 3)
    assert Outbox(store).acknowledge(stream, epoch or store.epoch, seq) == 0
    assert len(rows(store)) == 3


def test_what_the_broker_has_waits_for_head_office_and_can_be_sent_again(store):
    put(store, "plays", 3)
    box = Outbox(store)
    box.mark_at_broker(box.waiting(2))
    assert [message.seq for message in box.waiting(10)] == [3]
    assert (box.backlog().waiting, box.backlog().at_broker) == (1, 2)
    box.forget_broker()
    assert [message.seq for message in box.waiting(10)] == [1, 2, 3]


def test_a_writer_that_is_killed_again_and_again_loses_and_doubles_no_play(path):
    told: dict[str, set[str]] = {"started": set(), "ended": set()}
    for life in range(6):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.state.writer", str(path), f"life{life}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(20 + 13 * life)]
        process.kill()
        lines += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        for line in lines:
            if line.endswith("\n"):
                kind, name = line.split()
                told[kind].add(name)
    store = open_store(path, FakeClock())
    assert store.set_aside is None
    PlayBook(store).end_interrupted()
    while PlayBook(store).batch(names, AT):
        pass
    sent = [name for row in rows(store) if row[0] == "plays" for name in row[2].decode().split(",")]
    assert len(sent) == len(set(sent)), "no play is in two batches"
    assert told["started"] <= set(sent)
    assert len(set(sent) - told["started"]) <= 6, "at most the one that was being written"
    completed = {row[0] for row in store.db.execute("SELECT play_id FROM plays WHERE completed")}
    assert told["ended"] <= completed
    given = sum(one.plays for one in read_deliveries(store))
    assert given == len(completed), "every play that ended was delivered, once"
    for stream in ("plays", "hours"):
        seqs = [row[1] for row in rows(store) if row[0] == stream]
        assert seqs == list(range(1, len(seqs) + 1))
    still_open = {one.hour for one in open_hours(store)}
    assert not still_open & set(published_hours(store))
    store.close()


@pytest.mark.parametrize("damage", ["header", "middle", "not a database"])
def test_a_damaged_file_is_set_aside_and_a_fresh_one_begun(path, caplog, damage):
    store = open_store(path, FakeClock())
    epoch = store.epoch
    play(store, *[f"play {number}" for number in range(300)])
    store.close()
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[:100] = b"\0" * 100
    elif damage == "middle":
        content[4096 : 4096 * 8] = b"\xaa" * (4096 * 7)
    else:
        content = bytearray(b"hello")
    path.write_bytes(content)
    fresh = open_store(path, FakeClock())
    assert fresh.set_aside == path.with_name("state.db.corrupt-20260304T120000Z")
    assert fresh.set_aside.read_bytes()[:5] == bytes(content)[:5]
    assert "event=state_set_aside" in caplog.text
    assert fresh.epoch != epoch
    play(fresh, "a")
    fresh.close()


def test_two_processes_that_find_a_damaged_file_at_once_share_the_fresh_one(path):
    path.parent.mkdir()
    path.write_bytes(b"damaged" * 100)
    code = (
        "import sys; from pathlib import Path; from kiosk.clock import SystemClock;"
        "from kiosk.state import open_store; store = open_store(Path(sys.argv[1]), SystemClock());"
        "print(store.epoch, store.set_aside is not None)"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    said = [child.communicate(timeout=30)[0].split() for child in children]
    assert len({epoch for epoch, _ in said}) == 1
    assert sorted(moved for _, moved in said) == ["False", "False", "True"]
    assert len(list(path.parent.glob("*.corrupt-*Z"))) == 1


def test_a_file_of_a_newer_version_is_refused_and_left_alone(path, store):
    store.close()
    database = sqlite3.connect(path)
    columns = [row[1] for row in database.execute("PRAGMA table_info(_sqlite_migrations)")]
    values = {"migration_set": "kiosk-state", "name": "m999_later", "applied_at": AT}
    used = [name for name in columns if name in values]
    database.execute(
        f"INSERT INTO _sqlite_migrations ({', '.join(used)}) VALUES ({', '.join('?' * len(used))})",
        [values[name] for name in used],
    )
    database.commit()
    database.close()
    with pytest.raises(StateError, match=r"written by a newer kiosk .*m999_later") as caught:
        open_store(path, FakeClock())
    assert caught.value.hint
    assert not list(path.parent.glob("*.corrupt*"))


def test_a_folder_or_file_that_cannot_be_used_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="the folder cannot be made"):
        open_store(tmp_path / "file" / "state.db", FakeClock())
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StateError, match=r"folder\.db: cannot be opened"):
        open_store(tmp_path / "folder.db", FakeClock())


def test_a_full_disk_is_a_sentence_and_nothing_is_half_written(store):
    pages = store.db.execute("PRAGMA page_count").fetchone()[0]
    store.db.execute(f"PRAGMA max_page_count = {pages + 1}")
    play(store, "before")

    def fill() -> None:
        for number in range(500):
            with store.transaction() as db:
                append(db, "plays", lambda seq: b"%01000d" % seq, AT)
                db.execute("INSERT INTO streams VALUES (?, 1)", [f"beside {number}"])

    with pytest.raises(StateError, match=r"not written: .*full") as caught:
        fill()
    assert caught.value.hint
    count = store.db.execute("SELECT count(*) FROM outbox").fetchone()[0]
    assert store.db.execute("SELECT count(*) - 1 FROM streams").fetchone()[0] == count
    assert store.db.execute("SELECT last_seq FROM streams WHERE stream = 'plays'").fetchone() in (
        (count,),
        None,
    )
    store.db.execute("PRAGMA max_page_count = 100000")
    put(store, "plays", 1)
    assert [row[1] for row in rows(store)] == list(range(1, count + 2))


def test_a_file_that_may_not_grow_fails_with_a_sentence_and_is_sound_afterwards(path):
    code = (
        "import sys, resource, signal; from pathlib import Path;"
        "from kiosk.clock import SystemClock; from kiosk.errors import StateError;"
        "from kiosk.state import open_store; from kiosk.state.outbox import append;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "store = open_store(Path(sys.argv[1]), SystemClock());"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    for n in range(1000):\n"
        "        with store.transaction() as db:\n"
        "            append(db, 'plays', lambda seq: b'x' * 1000, '')\n"
        "        print(n + 1, flush=True)\n"
        "except StateError as bad:\n"
        "    print('refused', flush=True)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.split()
    assert said[-1] == "refused"
    store = open_store(path, FakeClock())
    assert store.set_aside is None
    assert [row[1] for row in rows(store)] == list(range(1, int(said[-2]) + 1))
    store.close()


def test_a_writer_waits_for_another_one_instead_of_failing(path, store):
    other = open_store(path, FakeClock())
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        mine = open_store(path, FakeClock())
        with mine.transaction():
            held.set()
            time.sleep(0.2)
            done.set()
        mine.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    put(other, "plays", 1)
    assert done.is_set()
    thread.join()
    other.close()


def test_a_commit_waits_for_the_disk(store):
    assert store.db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    assert store.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_in_whose_place_another_stands_is_noticed(path, store):
    assert not store.replaced
    path.rename(path.with_name("moved.db"))
    assert store.replaced
    other = open_store(path, FakeClock())
    assert store.replaced
    assert not other.replaced
    other.close()
