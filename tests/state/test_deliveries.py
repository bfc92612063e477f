"""What contracts were given: added once, with the end of the play that gave it, and kept small."""

from __future__ import annotations

import dataclasses

import pytest

from kiosk.errors import StateError
from kiosk.state import (
    Delivery,
    PlayBook,
    open_store,
    prune_deliveries,
    put_deliveries,
    read_deliveries,
    read_learner,
    save_learner,
)
from kiosk.state.plays import KEPT_DECISIONS
from tests.fakes import FakeClock
from tests.state.rows import AT, play, start

HOUR = "2026-03-04T13+0100"
ONE = Delivery("beer", HOUR, plays=1, shown_s=8.0, live_s=8.0, impressions=2)


def end(store, name: str, *delivered: Delivery) -> None:
    PlayBook(store).end(name, 8.0, completed=True, attention_s=3.0, delivered=delivered)


def test_a_play_that_is_ended_twice_delivers_once(store, path):
    PlayBook(store).start(start("a"))
    end(store, "a", ONE)
    end(store, "a", ONE)
    end(store, "never began", ONE)
    assert read_deliveries(store) == [ONE]
    again = open_store(path, FakeClock())
    end(again, "a", ONE)
    assert read_deliveries(again) == [ONE]
    again.close()


def test_the_sums_of_a_contract_grow_by_the_hour(store):
    for name, period in (("a", HOUR), ("b", HOUR), ("c", "2026-03-04T14+0100")):
        PlayBook(store).start(start(name))
        end(store, name, dataclasses.replace(ONE, period=period))
    assert [(one.period, one.plays, one.impressions) for one in read_deliveries(store)] == [
        (HOUR, 2, 4),
        ("2026-03-04T14+0100", 1, 2),
    ]


def test_a_play_whose_delivery_cannot_be_written_is_not_ended_either(store):
    PlayBook(store).start(start("a"))
    with pytest.raises(StateError):
        end(store, "a", ONE, dataclasses.replace(ONE, contract=None))
    assert read_deliveries(store) == []
    assert store.db.execute("SELECT duration_s FROM plays").fetchall() == [(None,)]
    end(store, "a", ONE)
    assert read_deliveries(store) == [ONE]


def test_a_play_that_a_power_cut_left_open_delivers_nothing(store):
    PlayBook(store).start(start("a"))
    PlayBook(store).end_interrupted()
    end(store, "a", ONE)
    assert read_deliveries(store) == []


def put(store, *rows: tuple[str, str, int]) -> None:
    for number, (contract, period, plays) in enumerate(rows):
        name = f"{contract}-{period}-{number}"
        PlayBook(store).start(start(name))
        end(store, name, Delivery(contract, period, plays, 8.0 * plays, 0.5, plays))


def sums(store) -> dict[tuple[str, str], int]:
    return {(one.contract, one.period): one.plays for one in read_deliveries(store)}


def test_days_that_are_over_become_one_sum_that_says_since_when(store):
    put(
        store,
        ("beer", "2026-03-02T09+0100", 1),
        ("beer", "2026-03-02T10+0100", 2),
        ("beer", "2026-03-03T10+0100", 4),
        ("beer", "2026-03-04T10+0100", 8),
    )
    days = ["2026-03-04"]
    for _ in range(2):
        prune_deliveries(store, days, ["beer"], "2026-02-01")
        assert sums(store) == {("beer", "2026-03-02"): 7, ("beer", "2026-03-04T10+0100"): 8}
    put(store, ("beer", "2026-03-01T10+0100", 16))
    prune_deliveries(store, days, ["beer"], "2026-02-01")
    assert sums(store) == {("beer", "2026-03-01"): 23, ("beer", "2026-03-04T10+0100"): 8}


def test_how_many_saw_it_is_kept_as_one_sum_alone(store):
    put(
        store,
        ("beer", "2026-03-03T10+0100", 4),
        ("beer", "2026-03-04T10+0100", 8),
        ("cola", "2026-03-04T10+0100", 1),
    )
    for _ in range(2):
        prune_deliveries(store, ["2026-03-03", "2026-03-04"], ["beer", "cola"], "2026-02-01")
        rows = read_deliveries(store)
        assert {(one.contract, one.period): one.impressions for one in rows if one.impressions} == {
            ("beer", "2026-03-03"): 12,
            ("cola", "2026-03-04"): 1,
        }
        assert sum(one.plays for one in rows) == 13


def test_sums_that_are_written_over_others_take_their_place_whole(store):
    put(store, ("beer", "2026-03-03T10+0100", 4), ("cola", "2026-03-03T10+0100", 2))
    put_deliveries(store, [Delivery("beer", "2026-03-03", 5)])
    assert sums(store) == {("beer", "2026-03-03"): 5, ("cola", "2026-03-03T10+0100"): 2}


def test_a_contract_that_is_over_is_forgotten_after_a_while_and_a_running_one_never(store):
    put(
        store,
        ("over", "2026-01-02T09+0100", 1),
        ("lately", "2026-02-20T09+0100", 2),
        ("slow", "2026-01-02T09+0100", 4),
    )
    prune_deliveries(store, ["2026-03-04"], ["slow"], "2026-02-01")
    assert {contract for contract, _ in sums(store)} == {"lately", "slow"}


def test_sums_of_contracts_that_no_campaign_has_are_bounded(store):
    put(store, *((f"c{n}", f"2026-03-04T{n % 24:02}+0100", 1) for n in range(230)))
    prune_deliveries(store, ["2026-03-04"], ["c0"], "2026-02-01")
    assert len({contract for contract, _ in sums(store)}) == 201
    assert ("c0", "2026-03-04T00+0100") in sums(store)


def test_a_model_replaces_the_one_before_and_comes_back_as_it_was(store):
    assert read_learner(store, "vw") is None
    save_learner(store, "vw", b"\x00old", AT)
    save_learner(store, "vw", b"\x00new\xff", AT)
    assert read_learner(store, "vw") == b"\x00new\xff"


def test_only_the_newest_plays_keep_what_was_weighed(store):
    with store.transaction() as db:
        db.conn.executemany(
            "INSERT INTO plays (play_id, creative, campaign, reason, started, presented, decision)"
            " VALUES (?, 'tea', 'spring', 'rotation: x', ?, 1, '{}')",
            [(f"p{n}", AT) for n in range(KEPT_DECISIONS + 5)],
        )
    play(store, "last")
    PlayBook(store).forget_before("2026-01-01T00:00:00Z")
    kept = store.db.execute("SELECT play_id FROM plays WHERE decision IS NOT NULL").fetchall()
    assert len(kept) == KEPT_DECISIONS
    assert ("p4",) not in kept
    assert ("p5",) in kept


def test_what_was_chosen_and_by_which_chance_stays_with_the_play(store):
    one = dataclasses.replace(
        start("a"), contract="beer", propensity=0.25, control=True, decision='{"out":{}}'
    )
    PlayBook(store).start(one)
    end(store, "a")
    assert store.db.execute(
        "SELECT contract, propensity, control, decision, attention_s FROM plays"
    ).fetchall() == [("beer", 0.25, 1, '{"out":{}}', 3.0)]
    told = []

    def build(seq: int, plays) -> bytes:
        told.extend(plays)
        return b"%d" % seq

    PlayBook(store).batch(build, AT)
    assert [play.contract for play in told] == ["beer"]
