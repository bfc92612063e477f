"""Opening the database: made, brought up to date, shared, refused."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text

from kiosk.central.store import open_database, read_totals, tables, work_off
from kiosk.errors import StateError
from tests import postgres
from tests.central.store.books import (
    EPOCH,
    HOUR,
    LATER_EPOCH,
    NOW,
    Books,
    central,
    contiguous,
    earlier_plays,
    hours,
)

FORMER = Path(__file__).with_name("former.sql")
"""A file of the version with sqlite-utils: hours 1, 2 and 4, plays 1 to 3, one conflict."""


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_migrations_make_the_tables_that_the_code_uses(books):
    with books.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": False,
                "include_name": lambda name, kind, _: (
                    kind != "table" or name in tables.METADATA.tables
                ),
            },
        )
        differences = compare_metadata(context, tables.METADATA)
    # Only of columns are several said at once; comments stand in the code alone.
    flat = [part for one in differences for part in (one if isinstance(one, list) else [one])]
    assert [one for one in flat if one[0] != "modify_comment"] == []


def test_several_processes_may_open_a_new_database_at_once(tmp_path):
    for url in (str(tmp_path / "central.db"), postgres.database()):
        failures: list[StateError] = []

        def work(url=url, failures=failures):
            try:
                open_database(central(url)).dispose()
            except StateError as bad:
                failures.append(bad)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert failures == []


def test_a_reader_of_a_file_neither_waits_nor_keeps_a_writer_waiting(tmp_path):
    books = Books(open_database(central(str(tmp_path / "a.db"))), "")
    with books.engine.connect() as reader:
        count = select(tables.hours.c.seq)
        assert reader.execute(count).all() == []
        books.write(hours(1))
        assert reader.execute(count).all() == []
    assert len(books.rows("hours", "seq")) == 1
    books.engine.dispose()


def test_a_commit_on_a_file_waits_for_the_disk(tmp_path):
    engine = open_database(central(str(tmp_path / "a.db")))
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    engine.dispose()


def test_a_newer_database_is_refused_in_one_sentence(books):
    with books.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StateError, match="written by a newer kiosk") as caught:
        open_database(central(books.url))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        pytest.param("postgresql://nobody@127.0.0.1:1/none", "cannot be opened", id="no server"),
        pytest.param("/proc/none/central.db", "folder cannot be made", id="no folder"),
        pytest.param("/proc/version", "cannot be opened", id="no database"),
    ],
)
def test_what_cannot_be_opened_is_told_in_one_sentence(url, sentence):
    with pytest.raises(StateError, match=sentence) as caught:
        open_database(central(url))
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path):
    path = tmp_path / "central.db"
    path.write_bytes(b"something else, and quite a lot of it" * 100)
    before = path.read_bytes()
    with pytest.raises(StateError, match="file is not a database"):
        open_database(central(str(path)))
    assert path.read_bytes() == before


def test_the_password_comes_from_its_file_and_from_nowhere_else(tmp_path):
    secret = tmp_path / "password"
    with pytest.raises(StateError, match="password cannot be read"):
        open_database(central("postgresql://a@127.0.0.1:1/b", database_password_file=secret))
    url = postgres.database()
    with closing(postgres.connect(url)) as connection:
        connection.execute("CREATE ROLE office LOGIN SUPERUSER PASSWORD 'right'")
    url = url.replace("postgres@", "office@")
    for word, opens in (("wrong", False), ("right\n", True)):
        secret.write_text(word)
        settings = central(url, database_password_file=secret)
        if opens:
            open_database(settings).dispose()
            continue
        with pytest.raises(StateError, match="password authentication failed") as caught:
            open_database(settings)
        assert word not in str(caught.value)


def test_totals_of_what_is_not_there_yet_are_zero(tmp_path):
    path = tmp_path / "none.db"
    assert set(read_totals(central(str(path))).values()) == {0}
    assert not path.exists()
    assert set(read_totals(central("postgresql://a@127.0.0.1:1/b")).values()) == {0}


def test_a_database_of_the_version_before_is_carried_over(tmp_path):
    path = tmp_path / "central.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FORMER.read_text())
    settings = central(str(path))
    open_database(settings).dispose()
    books = Books(open_database(settings), str(path))  # a second time changes nothing
    assert read_totals(settings) == {"hours": 3, "plays": 3, "messages": 5, "conflicts": 1}
    streams = books.rows("streams", "stream", "contiguous", "beyond", "given_up")
    assert streams == [("hours", 2, "[[4,4]]", 0), ("plays", 3, "[]", 0)]
    device = books.rows("devices", "name", "state", "version", "epoch", "last_hour")
    assert device == [("kiosk-1", "online", "1", EPOCH, HOUR)]
    assert books.play_ids() == ["a", "b", "c"]
    assert books.rows("hours", "seq", "policy", "clamps")[-1] == (4, None, None)
    assert books.alerts() == {}
    # What a device sends again is known, and what it sends next is taken.
    again = books.write(
        hours(1), hours(2), hours(3), earlier_plays(1, "a", "b"), hours(1, LATER_EPOCH), at=NOW
    )
    assert contiguous(again) == {
        (EPOCH, "hours"): 4,
        (EPOCH, "plays"): 3,
        (LATER_EPOCH, "hours"): 1,
    }
    assert books.alerts() == {}
    assert work_off(books.engine, "UTC") == 5
    books.engine.dispose()


def test_a_former_database_that_cannot_be_carried_over_is_left_as_it_is(tmp_path):
    path = tmp_path / "central.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FORMER.read_text())
        connection.execute("UPDATE hours SET tables = '{\"ots\": 1}' WHERE seq = 2")
        connection.commit()
    with pytest.raises(StateError, match="carried over"):
        open_database(central(str(path)))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (6,)
        assert connection.execute("SELECT count(*) FROM hours").fetchone() == (3,)


def test_numbers_of_rows_go_beyond_what_four_bytes_hold(books):
    with books.engine.begin() as connection:
        row = {"at": NOW, "who": "a", "action": "b", "target": "c", "detail": ""}
        connection.execute(insert(tables.audit).values(id=2**40, **row))
    assert books.rows("audit", "id", "at") == [(2**40, NOW)]
