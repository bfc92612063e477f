"""The ledger: every play once, whether it was counted before a restart or after it."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.ads import Impressions, Ledger, Plays, ShareOfVoice, Start
from kiosk.state import Delivery
from tests.ads.making import NOON, Screen, campaign, contract, creative

K, S = contract("k", Impressions(500)), contract("s", ShareOfVoice(0.2))
RUNNING = campaign((creative("house"), creative("by-k", "k"), creative("by-s", "s")), K, S)
HOUR = "2026-03-04T12+0100"


def test_a_play_counts_from_its_first_frame_and_what_broke_off_only_its_seconds():
    shop = Screen(RUNNING)
    one = RUNNING.creatives[1]
    shop.ledger.start(one, RUNNING, shop.moment, presented=True)
    assert shop.ledger.in_hour("k", shop.moment).plays == 1
    added = shop.ledger.end(4.0, 2, completed=False)
    assert added == [
        Delivery("k", HOUR, 0, 4.0, 0.0, 0),
        Delivery("s", HOUR, 0, 0.0, 4.0, 0),
        Delivery("k", HOUR[:10], impressions=2),
    ]
    assert shop.ledger.in_hour("k", shop.moment).plays == 0
    assert shop.ledger.end(4.0, 2, completed=True) == [], "it is over"


def test_viewers_are_counted_only_where_they_were_sold():
    other = campaign((creative("by-k", "k"),), contract("k", Plays(5, "hour")))
    shop = Screen(other)
    shop.play_id("by-k", 7)
    assert shop.ledger.delivered("k").impressions == 0


def test_how_many_saw_it_is_known_in_all_and_never_by_the_hour():
    shop, kept = Screen(RUNNING), []
    before = [Delivery("k", "2026-03-03T12+0100", 7, 70.0, 0.0, 9)]
    shop.ledger.restore(before, [])
    for people in (3, 0, 2):
        shop.ledger.start(RUNNING.creatives[1], RUNNING, shop.moment, presented=True)
        shop.wait(3600)
        kept += shop.ledger.end(10.0, people, completed=True)
    assert shop.ledger.delivered("k").impressions == 14
    for rows in (kept, shop.ledger.sums()):
        told = [one for one in rows if one.impressions]
        assert told
        assert {one.period for one in told} == {"2026-03-03"}
    assert [one.impressions for one in kept if one.contract == "k" and one.impressions] == [3, 2]


def test_what_no_screen_presented_delivers_nothing_but_stands_between_others():
    shop = Screen(RUNNING)
    shop.play(RUNNING.creatives[1], presented=False)
    assert shop.ledger.delivered("k").plays == 0
    assert shop.ledger.last.creative == "by-k"
    assert shop.ledger.since_s("/k", shop.now_s) == 10.0


def test_a_play_belongs_to_the_hour_and_the_day_of_its_first_frame():
    shop = Screen(RUNNING, NOON + timedelta(minutes=59, seconds=55))
    shop.play_id("by-k")
    assert shop.ledger.in_hour("k", shop.moment).plays == 0
    assert shop.ledger.on_day("k", shop.moment).plays == 1
    shop.wait(86400)
    assert shop.ledger.on_day("k", shop.moment).plays == 0
    assert shop.ledger.delivered("k").plays == 1


def test_what_was_before_joins_what_has_happened_since():
    shop = Screen(RUNNING)
    shop.play_id("by-k", 3)
    before = [Delivery("k", "2026-03-01", 7, 70.0, 0.0, 9), Delivery("k", HOUR, 2, 20.0, 0.0, 1)]
    shop.ledger.restore(before, [Start("by-s", "s", "general", 900.0)])
    assert shop.ledger.in_hour("k", shop.moment).plays == 3
    assert shop.ledger.delivered("k").plays == 10
    assert shop.ledger.delivered("k").impressions == 13
    assert shop.ledger.began("k").isoformat() == "2026-03-01"
    assert [one.creative for one in shop.ledger.before(5)] == ["by-k", "by-s"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["house", "by-k", "by-s"]), st.integers(0, 40_000), st.booleans()
        ),
        max_size=30,
    ),
    st.integers(0, 30),
)
def test_a_restart_at_any_time_changes_no_sum(played, cut):
    whole, parts, kept = Screen(RUNNING), Screen(RUNNING), {}
    for number, (name, waits_s, completed) in enumerate(played):
        if number == cut:
            fresh = Ledger()
            fresh.restore(
                [Delivery(*key, *sums) for key, sums in kept.items()],
                reversed(parts.ledger.before(99)),
            )
            parts.ledger = fresh
        for shop in (whole, parts):
            one = next(row for row in RUNNING.creatives if row.id == name)
            shop.ledger.start(one, RUNNING, shop.moment, presented=True)
            shop.wait(10)
            added = shop.ledger.end(10.0, 1, completed=completed)
            if shop is parts:
                for row in added:
                    key = row.contract, row.period
                    kept[key] = tuple(
                        old + new
                        for old, new in zip(
                            kept.get(key, (0, 0.0, 0.0, 0)),
                            (row.plays, row.shown_s, row.live_s, row.impressions),
                            strict=True,
                        )
                    )
            shop.wait(waits_s)
    for name in ("k", "s"):
        assert whole.ledger.delivered(name) == parts.ledger.delivered(name)
        assert whole.ledger.in_hour(name, whole.moment) == parts.ledger.in_hour(name, parts.moment)
        assert whole.ledger.on_day(name, whole.moment) == parts.ledger.on_day(name, parts.moment)
        assert whole.ledger.starts_of(name) == parts.ledger.starts_of(name)
    assert whole.ledger.before(9) == parts.ledger.before(9)


def test_a_year_of_plays_takes_no_more_room_than_two_days():
    shop = Screen(RUNNING)
    for _ in range(2000):
        shop.play_id("by-k", 1)
        shop.wait(4 * 3600)
        shop.ledger.forget(shop.moment.day, {"k", "s"})
    assert len(shop.ledger.sums()) <= 2 * 24 + 2
    assert sum(row.plays for row in shop.ledger.sums() if row.contract == "k") == 2000
    assert len(shop.ledger.before(10_000)) <= 130


def test_sums_tell_all_that_was_delivered_for_a_file_that_knows_nothing():
    shop = Screen(RUNNING)
    for days in (1, 1, 1):
        shop.play_id("by-k", 2)
        shop.wait(days * 86400)
        shop.ledger.forget(shop.moment.day, {"k", "s"})
    fresh = Ledger()
    fresh.restore(shop.ledger.sums(), [])
    assert fresh.delivered("k") == shop.ledger.delivered("k")
    assert fresh.began("k") == shop.ledger.began("k")
