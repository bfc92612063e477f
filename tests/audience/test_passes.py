"""Passes: dwell and attention of who walks by, whatever records arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import terms
from kiosk.audience import EndedPass, OnScreen, PassBook, count_pass, tables_of
from kiosk.config import AudienceSettings, PrivacySettings
from tests.fakes import record, viewer

SETTINGS = AudienceSettings(max_step_s=0.5, impression_min_s=1)
TEA, COFFEE = OnScreen("play-1", "tea"), OnScreen("play-2", "coffee")


def walk(book: PassBook, *records, play=TEA) -> list[EndedPass]:
    return [ended for one in records for ended in book.update(one, play)]


def stay(book: PassBook, seconds: float, play: OnScreen | None, begin: float = 0.0, **changes):
    """Somebody who is there from 0 s on, told of five times a second."""
    for step in range(round(5 * seconds) + 1):
        t = begin + step / 5
        book.update(record(t, viewer(first_s=0, last_s=t, **changes)), play)
    return begin + seconds


def test_dwell_is_from_first_sight_to_last_and_attention_is_while_facing():
    book = PassBook(SETTINGS)
    records = [
        record(t, viewer(first_s=0, last_s=t, looking=t >= 1)) for t in (0, 0.4, 1, 1.4, 1.8)
    ]
    ended = walk(book, *records, record(2.5))
    assert [(one.dwell_s, round(one.attention_s, 3)) for one in ended] == [(1.8, 0.8)]


def test_a_gap_between_two_records_adds_no_more_than_the_longest_step():
    book = PassBook(SETTINGS)
    walk(book, record(0, viewer(last_s=0)), record(30, viewer(last_s=30)))
    [ended] = book.end_all()
    assert ended.dwell_s == 30
    assert ended.attention_s == SETTINGS.max_step_s


def test_a_face_that_is_lost_for_a_moment_is_no_presence_and_no_attention():
    book = PassBook(SETTINGS)
    walk(book, *(record(t / 5, viewer(last_s=t / 5)) for t in range(6)))
    walk(book, *(record(1 + t / 5, viewer(last_s=1.0, looking=False)) for t in range(1, 6)))
    [ended] = book.end_all()
    assert (ended.dwell_s, round(ended.attention_s, 3)) == (1.0, 1.0)
    assert ended.impressions == 1


def test_a_pass_belongs_to_the_creative_that_it_faced_longest():
    book = PassBook(SETTINGS)
    now = stay(book, 1, TEA)
    now = stay(book, 2, COFFEE, now)
    stay(book, 5, TEA, now, looking=False)
    assert [one.creative for one in book.end_all()] == ["coffee"]


def test_who_faced_none_belongs_to_the_creative_that_he_was_in_view_of_longest():
    book = PassBook(SETTINGS)
    now = stay(book, 1, TEA, looking=False)
    stay(book, 2, COFFEE, now, looking=False)
    assert [one.creative for one in book.end_all()] == ["coffee"]
    stay(book, 2, None)
    assert [one.creative for one in book.end_all()] == [None]


def test_an_impression_is_a_play_in_view_of_which_somebody_was_for_long_enough():
    book = PassBook(SETTINGS)
    now = stay(book, 0.8, TEA)
    now = stay(book, 3, COFFEE, now)
    stay(book, 2, OnScreen("play-3", "coffee"), now)
    assert [one.impressions for one in book.end_all()] == [2]


def test_the_group_is_as_large_as_it_was_for_the_longest_time_and_pictures_are_not_in_it():
    book = PassBook(SETTINGS)
    poster = {"live": False}
    for step in range(20):
        t = step / 5
        others = ["b", "c", "d"] if step < 4 else ["b"]
        people = [viewer(name, first_s=0, last_s=t) for name in ("a", *others)]
        book.update(record(t, *people, viewer("poster", 0, t, **poster)), None)
    groups = {one.group_size for one in book.end_all() if one.dwell_s > 2}
    assert groups == {"2"}


def test_a_picture_is_no_pass_however_long_it_was_taken_for_somebody():
    book = PassBook(SETTINGS)
    stay(book, 5, TEA)
    now = stay(book, 0.2, TEA, 5, live=False)
    assert book.update(record(now + 1), TEA) == []
    stay(book, 5, TEA, live=False)
    assert book.end_all() == []


def test_somebody_who_stood_still_at_first_is_a_pass_from_its_beginning():
    book = PassBook(SETTINGS)
    now = stay(book, 3, TEA, live=False)
    stay(book, 2, TEA, now)
    [ended] = book.end_all()
    assert (ended.dwell_s, round(ended.attention_s, 3)) == (5.0, 5.0)


def test_the_mood_of_a_pass_is_the_one_it_wore_longest_and_never_unknown_if_any_was_seen():
    book = PassBook(SETTINGS)
    for t, mood in enumerate(["unknown", "unknown", "unknown", "sad", "happy", "sad"]):
        book.update(record(t / 10, viewer(last_s=t / 10, mood=mood)), None)
    book.update(record(0.6, viewer("b", last_s=0.6, mood="angry")), None)
    assert [one.mood for one in book.end_all()] == ["angry"]
    book = PassBook(SETTINGS)
    for t, mood in enumerate(["unknown", "unknown", "sad", "sad", "happy"]):
        book.update(record(t / 10, viewer(last_s=t / 10, mood=mood)), None)
    assert [one.mood for one in book.end_all()] == ["sad"]


def test_a_timeline_that_steps_back_takes_no_attention_away():
    book = PassBook(SETTINGS)
    for t, last_s in ((5.0, 5.0), (5.3, 5.3), (1.0, 5.3), (1.3, 5.3)):
        book.update(record(t, viewer(last_s=last_s)), TEA)
    assert book.attention_s("a") == pytest.approx(0.3)
    assert book.attention_s("nobody") == 0


def test_whoever_is_in_view_when_vision_goes_has_passed_and_a_new_vision_knows_nobody():
    book = PassBook(SETTINGS)
    book.update(record(0, viewer("a"), viewer("b")), None)
    assert len(book.end_all()) == 2
    assert book.end_all() == []
    assert book.update(record(1, viewer("c")), None) == []


def test_a_director_that_starts_again_does_not_count_whom_the_last_one_counted():
    book = PassBook(SETTINGS, lambda: 3.0)
    assert book.sees_counted, "nobody knows before the first record"
    book.update(record(100, viewer("old", 90, 100), viewer("new", 98, 100)), None)
    assert book.sees_counted
    assert [e.dwell_s for e in book.update(record(101, viewer("old", 90, 101)), None)] == [2]
    assert book.update(record(102), None) == []
    assert not book.sees_counted
    assert book.end_all() == []


def test_somebody_who_came_while_no_director_ran_is_counted():
    book = PassBook(SETTINGS, lambda: 3.0)
    book.update(record(100, viewer("new", 97.1, 100)), None)
    assert not book.sees_counted
    assert len(book.end_all()) == 1


@st.composite
def scenes(draw):
    """People with their times, and the times of the records that arrive."""
    people = draw(
        st.lists(st.tuples(st.floats(0, 20), st.floats(0, 10), st.integers(0, 2**20)), max_size=5)
    )
    times = draw(st.lists(st.floats(0, 40, allow_nan=False), max_size=60, unique=True))
    return people, sorted(times)


@given(scenes(), st.floats(0.05, 2))
def test_a_pass_that_was_seen_is_counted_once_and_attention_is_never_longer_than_dwell(
    scene, max_step_s
):
    people, times = scene
    settings = AudienceSettings(max_step_s=max_step_s)
    book, ended, seen = PassBook(settings), [], set()
    for number, t in enumerate(times):
        there = [
            viewer(f"{name}", first, t, looking=bool(looks >> (number % 20) & 1))
            for name, (first, stays, looks) in enumerate(people)
            if first <= t <= first + stays
        ]
        seen |= {one.id for one in there}
        ended += book.update(record(t, *there), TEA)
    ended += book.end_all()
    assert len(ended) == len(seen)
    for one in ended:
        assert 0 <= one.attention_s <= one.dwell_s + max_step_s
        assert one.impressions <= 1


passes = st.builds(
    EndedPass,
    dwell_s=st.floats(0, 1e4),
    attention_s=st.floats(0, 1e4),
    age_band=st.sampled_from([*terms.AGE_BANDS, "unknown"]),
    gender=st.sampled_from([*terms.GENDERS, "unknown"]),
    mood=st.sampled_from([*terms.MOODS, "unknown"]),
    group_size=st.sampled_from(terms.GROUP_SIZES),
    impressions=st.integers(0, 100),
    creative=st.sampled_from(["tea", "coffee", "a-b", None]),
)


@given(st.lists(passes, max_size=20))
def test_each_pass_stands_in_exactly_one_cell_of_each_table(ended):
    audience = AudienceSettings()
    privacy = PrivacySettings(dwell_clamp_s=20, attention_clamp_s=10, impressions_clamp=4)
    counts: dict[str, int] = {}
    for one in ended:
        for cell, count in count_pass(one, audience, privacy).items():
            counts[cell] = counts.get(cell, 0) + count
    tables = tables_of(counts)
    ots = [one for one in ended if one.dwell_s >= audience.ots_min_s]
    watchers = [one for one in ots if one.attention_s >= audience.watch_min_s]
    assert counts.get("passes", 0) == len(ended)
    assert tables.ots == len(ots)
    assert tables.watchers == len(watchers)
    assert sum(sum(row.values()) for row in tables.age_gender.values()) == len(ots)
    assert sum(tables.mood.values()) == len(ots)
    assert sum(tables.group_size.values()) == len(ots)
    assert tables.dwell_s == sum(min(round(one.dwell_s), 20) for one in ots)
    assert tables.attention_s == sum(min(round(one.attention_s), 10) for one in ots)
    assert tables.impressions == sum(min(one.impressions, 4) for one in ots)
    by_people = sum(sum(row.values()) for row in tables.impressions_age_gender.values())
    assert by_people == tables.impressions
    shown = [one for one in ots if one.creative is not None]
    assert sum(one.ots for one in tables.creatives.values()) == len(shown)
    assert sum(one.watchers for one in tables.creatives.values()) == len(
        [one for one in watchers if one.creative is not None]
    )


def test_the_tables_hold_every_cell():
    empty = tables_of({})
    assert set(empty.age_gender) == {*terms.AGE_BANDS, "unknown"}
    assert all(row == {"female": 0, "male": 0, "unknown": 0} for row in empty.age_gender.values())
    assert empty.mood == dict.fromkeys([*terms.MOODS, "unknown"], 0)
    assert empty.group_size == dict.fromkeys(terms.GROUP_SIZES, 0)
    assert (empty.ots, empty.watchers, empty.impressions, empty.creatives) == (0, 0, 0, {})


@pytest.mark.parametrize(
    ("dwell_s", "attention_s", "cells"),
    [
        (0.99, 0.9, {"passes"}),
        (1, 0.49, {"passes", "ots", "dwell_s"}),
        (1, 0.99, {"passes", "ots", "dwell_s", "attention_s"}),
        (1, 1, {"passes", "ots", "dwell_s", "attention_s", "watchers"}),
    ],
)
def test_the_thresholds_belong_to_the_higher_side(dwell_s, attention_s, cells):
    one = EndedPass(dwell_s, attention_s, "unknown", "unknown", "unknown", "1", 0, None)
    counts = count_pass(one, AudienceSettings(), PrivacySettings())
    assert {cell for cell in counts if "/" not in cell} == cells
