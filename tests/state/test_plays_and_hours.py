"""Plays and hours: written, ended, published, each once."""

from __future__ import annotations

import pytest

from kiosk.state import (
    Boot,
    Closing,
    PlayBook,
    close_hour,
    forget_tables,
    move_hours,
    open_hours,
    published_hours,
    read_boots,
    read_health,
    read_hours,
    read_ledger,
    save_boot,
    save_hour,
    write_health,
)
from tests.state.rows import AT, names, play, rows, start

H1 = Closing("2026-03-04T12:00:00Z", "discrete-laplace", 1.0, "{}", '{"ots":5}', AT)


def test_a_play_is_batched_once_after_its_end_and_oldest_first(store):
    book = PlayBook(store)
    play(store, "b", "c", started="2026-03-04T12:00:02Z")
    play(store, "a", started="2026-03-04T12:00:01Z")
    book.start(start("open"))
    assert book.batch(names, AT, limit=2) == 1
    assert book.batch(names, AT) == 2
    assert book.batch(names, AT) is None
    assert [row[2] for row in rows(store)] == [b"a,b", b"c"]


def test_a_batch_that_cannot_be_built_takes_no_play_and_no_number(store):
    play(store, "a")

    def fail(seq: int, plays) -> bytes:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        PlayBook(store).batch(fail, AT)
    assert PlayBook(store).batch(names, AT) == 1
    assert rows(store) == [("plays", 1, b"a")]


def test_the_first_start_and_the_first_end_of_a_play_stand(store):
    book = PlayBook(store)
    book.start(start("a", reason="first"))
    book.start(start("a", reason="second"))
    book.end("a", 8.0, completed=True)
    book.end("a", 0.0, completed=False)
    book.end("never began", 1.0, completed=True)
    assert store.db.execute("SELECT reason, duration_s, completed FROM plays").fetchall() == [
        ("first", 8.0, 1)
    ]


def test_a_play_that_a_power_cut_left_open_is_ended_once_as_not_completed(store):
    play(store, "a")
    PlayBook(store).start(start("b"))
    assert PlayBook(store).end_interrupted() == 1
    assert PlayBook(store).end_interrupted() == 0
    assert store.db.execute(
        "SELECT play_id, duration_s, completed FROM plays ORDER BY play_id"
    ).fetchall() == [("a", 8.0, 1), ("b", 0.0, 0)]


def test_plays_are_forgotten_only_when_they_are_old_and_batched(store):
    play(store, "old", started="2026-02-01T00:00:00Z")
    PlayBook(store).batch(names, AT)
    play(store, "old but not sent", started="2026-02-01T00:00:00Z")
    play(store, "new")
    assert PlayBook(store).forget_before("2026-03-01T00:00:00Z") == 1
    assert PlayBook(store).recent(5)[0].creative == "tea"
    assert store.db.execute("SELECT play_id FROM plays ORDER BY rowid").fetchall() == [
        ("old but not sent",),
        ("new",),
    ]


def test_the_newest_plays_come_first_though_the_clock_was_set_back(store):
    play(store, "a", started="2099-01-01T00:00:00Z")
    play(store, "b", started="1970-01-01T00:00:00Z")
    assert [one.started[:4] for one in PlayBook(store).recent(5)] == ["1970", "2099"]


def test_an_hour_is_published_once_and_its_counts_are_gone(store):
    def first(seq: int) -> bytes:
        return b"first"

    def second(seq: int) -> bytes:
        return b"second"

    save_hour(store, H1.hour, {"ots": 3})
    save_hour(store, H1.hour, {"ots": 5, "watchers": 1})
    assert open_hours(store)[0].counts == {"ots": 5, "watchers": 1}
    assert close_hour(store, H1, first) == 1
    assert close_hour(store, H1, second) is None
    assert open_hours(store) == []
    assert rows(store) == [("hours", 1, b"first")]
    assert published_hours(store) == [H1.hour]


def test_an_hour_whose_payload_cannot_be_built_keeps_its_counts(store):
    save_hour(store, H1.hour, {"ots": 3})

    def fail(seq: int) -> bytes:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        close_hour(store, H1, fail)
    assert open_hours(store)[0].counts == {"ots": 3}
    assert close_hour(store, H1, lambda seq: b"%d" % seq) == 1


def test_counts_move_to_another_hour_in_one_step(store):
    save_hour(store, "boot/b/0+60", {"ots": 2})
    save_hour(store, "boot/b/60+60", {"ots": 1, "watchers": 1})
    save_hour(store, H1.hour, {"ots": 4})
    joined = {H1.hour: {"ots": 7, "watchers": 1}}
    for _ in range(2):
        move_hours(store, ["boot/b/0+60", "boot/b/60+60"], joined)
        assert {one.hour: one.counts for one in open_hours(store)} == joined


def test_the_ledger_and_what_was_published_are_read_from_outside(store, path):
    assert read_ledger(path.with_name("none.db")) == []
    save_hour(store, H1.hour, {"ots": 3})
    close_hour(store, H1, lambda seq: b"%d" % seq)
    save_hour(store, "2026-03-04T13:00:00Z", {"ots": 1})
    [row] = read_ledger(path)
    assert (row.key, row.seq, row.noise, row.epsilon, row.at) == (
        H1.hour, 1, "discrete-laplace", 1.0, AT,
    )  # fmt: skip
    published, still_open = read_hours(path, H1.hour)
    assert [(one.hour, one.tables) for one in published] == [(H1.hour, '{"ots":5}')]
    assert [one.hour for one in still_open] == ["2026-03-04T13:00:00Z"]
    assert read_hours(path, "2026-03-04T12:30:00Z")[0] == []
    forget_tables(store, "2999")
    assert read_hours(path, H1.hour)[0] == []
    assert len(read_ledger(path)) == 1


def test_a_run_of_the_machine_keeps_its_place_and_only_the_last_ones_are_kept(store):
    for number in range(150):
        save_boot(store, Boot(f"b{number}", 10.0, None))
    save_boot(store, Boot("b100", 99.0, 1.5))
    found = read_boots(store)
    assert [one.boot for one in found] == [f"b{number}" for number in range(50, 150)]
    assert found[50] == Boot("b100", 99.0, 1.5)


def test_the_last_word_of_a_process_replaces_the_one_before(store):
    assert read_health(store, "director") is None
    write_health(store, "director", {"screens": 1}, AT)
    write_health(store, "director", {"screens": 2}, AT)
    assert read_health(store, "director") == ({"screens": 2}, AT)
