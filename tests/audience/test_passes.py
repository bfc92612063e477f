"""Passes: dwell and attention of who walks by, whatever records arrive."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import terms
from kiosk.audience import EndedPass, PassBook, count_pass, tables_of
from kiosk.config import AudienceSettings, PrivacySettings
from tests.fakes import record, viewer

STEP_S = 0.5


def walk(book: PassBook, *records, creative="tea") -> list[EndedPass]:
    return [ended for one in records for ended in book.update(one, creative)]


def test_dwell_is_from_first_sight_to_last_and_attention_is_while_facing():
    book = PassBook(STEP_S)
    records = [
        record(t, viewer(first_s=0, last_s=t, looking=t >= 1)) for t in (0, 0.4, 1, 1.4, 1.8)
    ]
    ended = walk(book, *records, record(2.5))
    assert [(one.dwell_s, round(one.attention_s, 3)) for one in ended] == [(1.8, 0.8)]


def test_a_gap_between_two_records_adds_no_more_than_the_longest_step():
    book = PassBook(STEP_S)
    walk(book, record(0, viewer(last_s=0)), record(30, viewer(last_s=30)))
    [ended] = book.end_all()
    assert ended.dwell_s == 30
    assert ended.attention_s == STEP_S


def test_attention_belongs_to_the_creative_that_was_on():
    book = PassBook(STEP_S)
    book.update(record(0, viewer(last_s=0)), "tea")
    for t, creative in ((0.4, "tea"), (0.8, "coffee"), (1.2, "coffee"), (1.6, None)):
        book.update(record(t, viewer(last_s=t)), creative)
    [ended] = book.end_all()
    assert ended.attention_by_creative == pytest.approx({"tea": 0.4, "coffee": 0.8})
    assert ended.attention_s == pytest.approx(1.6)


def test_the_mood_of_a_pass_is_the_one_it_wore_longest_and_never_unknown_if_any_was_seen():
    book = PassBook(STEP_S)
    for t, mood in enumerate(["unknown", "unknown", "unknown", "sad", "happy", "sad"]):
        book.update(record(t / 10, viewer(last_s=t / 10, mood=mood)), None)
    book.update(record(0.6, viewer("b", last_s=0.6, mood="angry")), None)
    assert [one.mood for one in book.end_all()] == ["angry"]
    book = PassBook(STEP_S)
    for t, mood in enumerate(["unknown", "unknown", "sad", "sad", "happy"]):
        book.update(record(t / 10, viewer(last_s=t / 10, mood=mood)), None)
    assert [one.mood for one in book.end_all()] == ["sad"]


def test_a_timeline_that_steps_back_takes_no_attention_away():
    book = PassBook(STEP_S)
    for t in (5.0, 5.3, 1.0, 1.3):
        book.update(record(t, viewer(last_s=5.3)), "tea")
    assert book.attention_s("a") == pytest.approx(0.6)
    assert book.attention_s("nobody") == 0


def test_whoever_is_in_view_when_vision_goes_has_passed_and_a_new_vision_knows_nobody():
    book = PassBook(STEP_S)
    book.update(record(0, viewer("a"), viewer("b")), None)
    assert len(book.end_all()) == 2
    assert book.end_all() == []
    assert book.update(record(1, viewer("c")), None) == []


def test_a_director_that_starts_again_does_not_count_whom_the_last_one_counted():
    book = PassBook(STEP_S, lambda: 3.0)
    assert book.sees_counted, "nobody knows before the first record"
    book.update(record(100, viewer("old", 90, 100), viewer("new", 98, 100)), None)
    assert book.sees_counted
    assert [e.dwell_s for e in book.update(record(101, viewer("old", 90, 101)), None)] == [2]
    assert book.update(record(102), None) == []
    assert not book.sees_counted
    assert book.end_all() == []


def test_somebody_who_came_while_no_director_ran_is_counted():
    book = PassBook(STEP_S, lambda: 3.0)
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
    book, ended, seen = PassBook(max_step_s), [], set()
    for number, t in enumerate(times):
        there = [
            viewer(f"{name}", first, t, looking=bool(looks >> (number % 20) & 1))
            for name, (first, stay, looks) in enumerate(people)
            if first <= t <= first + stay
        ]
        seen |= {one.id for one in there}
        ended += book.update(record(t, *there), "tea")
    ended += book.end_all()
    assert len(ended) == len(seen)
    for one in ended:
        assert 0 <= one.attention_s <= one.dwell_s + max_step_s
        assert math.isclose(sum(one.attention_by_creative.values()), one.attention_s)


passes = st.builds(
    EndedPass,
    dwell_s=st.floats(0, 1e4),
    attention_s=st.floats(0, 1e4),
    age_band=st.sampled_from([*terms.AGE_BANDS, "unknown"]),
    gender=st.sampled_from([*terms.GENDERS, "unknown"]),
    mood=st.sampled_from([*terms.MOODS, "unknown"]),
    attention_by_creative=st.dictionaries(
        st.sampled_from(["tea", "coffee", "a-b"]), st.floats(0, 1e4), max_size=3
    ),
)


@given(st.lists(passes, max_size=20))
def test_each_pass_stands_in_exactly_one_cell_of_each_table(ended):
    audience, privacy = AudienceSettings(), PrivacySettings(attention_clamp_s=60)
    counts: dict[str, int] = {}
    for one in ended:
        for cell, count in count_pass(one, audience, privacy).items():
            counts[cell] = counts.get(cell, 0) + count
    tables = tables_of(counts, mood_table=True)
    ots = [one for one in ended if one.dwell_s >= audience.ots_min_s]
    watchers = [one for one in ots if one.attention_s >= audience.watch_min_s]
    assert counts.get("passes", 0) == len(ended)
    assert tables.ots == len(ots)
    assert tables.watchers == len(watchers)
    assert sum(sum(row.values()) for row in tables.age_gender.values()) == len(ots)
    assert sum((tables.mood or {}).values()) == len(ots)
    with_creative = [one for one in watchers if one.attention_by_creative]
    assert sum(one.watchers for one in tables.creatives.values()) == len(with_creative)
    assert all(one.attention_s <= 60 * one.watchers for one in tables.creatives.values())


def test_the_tables_hold_every_cell_and_the_moods_can_be_switched_off():
    empty = tables_of({}, mood_table=True)
    assert set(empty.age_gender) == {*terms.AGE_BANDS, "unknown"}
    assert all(row == {"female": 0, "male": 0, "unknown": 0} for row in empty.age_gender.values())
    assert empty.mood == dict.fromkeys([*terms.MOODS, "unknown"], 0)
    assert tables_of({"mood/happy": 1}, mood_table=False).mood is None


@pytest.mark.parametrize(
    ("dwell_s", "attention_s", "cells"),
    [(0.99, 0.9, {"passes"}), (1, 0.99, {"passes", "ots"}), (1, 1, {"passes", "ots", "watchers"})],
)
def test_the_thresholds_belong_to_the_higher_side(dwell_s, attention_s, cells):
    one = EndedPass(dwell_s, attention_s, "unknown", "unknown", "unknown", {})
    counts = count_pass(one, AudienceSettings(), PrivacySettings())
    assert {cell for cell in counts if "/" not in cell} == cells
