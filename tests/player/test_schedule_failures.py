"""The schedule when a screen cannot show something: what is left out, how long, who is blamed."""

from __future__ import annotations

from itertools import pairwise

import pytest

from kiosk.player.quarantine import FIRST_S
from tests.player.stage import Stage


def test_a_creative_that_the_screen_does_not_show_in_time_is_left_out_for_a_while():
    stage = Stage("a", "b")
    stage.connect()
    stage.show()
    stage.run(4.2)
    slow = stage.prepared[-1].choice.creative.id
    stage.run(11)
    assert stage.prepared[-1].choice.creative.id != slow
    assert len(stage.prepared) == 3
    stage.show()
    for _ in range(int((FIRST_S - 1) / 5)):
        stage.run(5)
        assert stage.prepared[-1].choice.creative.id != slow
        stage.show()
    stage.run(10)
    stage.show()
    stage.run(5)
    stage.show()
    assert slow in {play.choice.creative.id for play in stage.prepared[-3:]}


def test_a_screen_that_is_busy_with_its_own_costs_no_creative_its_place(caplog):
    stage = Stage("a", "b", "c")
    stage.connect()
    stage.run(45)
    assert len(stage.prepared) == 5, "a fresh choice each time"
    assert "creative_failed" not in caplog.text
    assert len({play.choice.creative.id for play in stage.prepared}) > 1
    stage.show()
    assert stage.schedule.presented


def test_a_creative_that_fails_gives_way_to_another_at_the_next_look():
    stage = Stage("a", "b")
    stage.connect()
    bad = stage.prepared[-1]
    stage.schedule.screen_failed(bad.play_id, "no decoder", stage.now_s)
    stage.run(0.05)
    assert stage.prepared[-1].choice.creative.id != bad.choice.creative.id


def test_when_every_creative_has_failed_something_is_tried_nevertheless_but_not_without_rest():
    stage = Stage("a", "b")
    stage.connect()
    for _ in range(10):
        stage.schedule.screen_failed(stage.prepared[-1].play_id, "broken", stage.now_s)
        stage.run(2.1)
    assert len(stage.prepared) == 11
    stage.schedule.screen_failed(stage.prepared[-1].play_id, "broken", stage.now_s)
    stage.run(1.8)
    assert len(stage.prepared) == 11


def test_a_creative_that_fails_again_and_again_is_left_out_for_longer_each_time():
    stage = Stage("a", "b")
    stage.connect()
    stage.show()
    tries: list[float] = []
    while stage.now_s < 8000:
        stage.run(0.5, step_s=0.5)
        if stage.schedule._next is None:
            continue
        if stage.prepared[-1].choice.creative.id == "b":
            tries.append(stage.now_s)
            stage.schedule.screen_failed(stage.prepared[-1].play_id, "broken", stage.now_s)
        elif stage.schedule.elapsed_s(stage.now_s) >= 5:
            stage.show()
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert gaps[:5] == pytest.approx([60, 120, 240, 480, 960], abs=15)
    assert stage.left_out == {"b": "broken"}


def test_a_creative_that_played_well_again_begins_anew_when_it_fails():
    stage = Stage("a")
    stage.connect()
    for _ in range(3):
        stage.schedule.screen_failed(stage.prepared[-1].play_id, "broken", stage.now_s)
        stage.run(2.1)
    stage.show()
    stage.run(5)
    assert [one.failures for one in stage.schedule.left_out(stage.now_s)] == [3]
    stage.show()
    assert stage.schedule.left_out(stage.now_s) == []
    stage.run(5)
    stage.schedule.screen_failed(stage.prepared[-1].play_id, "broken", stage.now_s)
    assert [one.failures for one in stage.schedule.left_out(stage.now_s)] == [1]


def test_what_must_not_be_shown_is_not_tried_even_when_there_is_nothing_else():
    stage = Stage("a", "b")
    stage.refused = {"a": "another sha256"}
    stage.connect()
    for _ in range(5):
        assert stage.prepared[-1].choice.creative.id == "b"
        stage.schedule.screen_failed(stage.prepared[-1].play_id, "broken", stage.now_s)
        stage.run(2.1)
    stage.refused = {"a": "another sha256", "b": "gone"}
    stage.schedule.screen_failed(stage.prepared[-1].play_id, "broken", stage.now_s)
    stage.run(60)
    assert len(stage.prepared) == 6
    assert stage.schedule._next is None


def test_what_a_screen_was_loading_when_it_broke_comes_after_the_others(caplog):
    stage = Stage("a", "b")
    for times in (1, 2):
        stage.connect()
        while stage.prepared[-1].choice.creative.id != "a":
            stage.show()
            stage.run(4.1)
        stage.schedule.screen_lost(stage.now_s, broken=True)
        assert caplog.text.count("creative_failed") == times - 1, "once may be chance"
        stage.run(1)
        assert "a" in stage.left_out
        stage.schedule.screen_lost(stage.now_s)
        stage.now_s += 61
    assert [one.creative for one in stage.schedule.left_out(stage.now_s - 61)] == ["a"]


def test_what_a_screen_showed_when_it_broke_twice_in_a_row_is_left_out(caplog):
    stage = Stage("a", "b")
    for times in (1, 2):
        stage.connect()
        while (shown := stage.show()).choice.creative.id != "a":
            stage.run(5.1)
        stage.run(2)
        assert stage.schedule._next is None, "nothing is being loaded"
        stage.schedule.screen_lost(stage.now_s, broken=True)
        assert caplog.text.count("creative_failed") == times - 1, "once may be chance"
        assert stage.ends[-1] == (shown.play_id, 2.0, False)
        stage.now_s += 1
    (left_out,) = stage.schedule.left_out(stage.now_s)
    assert (left_out.creative, left_out.why) == (
        "a",
        "the screen broke twice in a row while it showed it",
    )


def test_what_played_whole_since_the_screen_broke_is_no_suspect(caplog):
    stage = Stage("a")
    for _ in range(3):
        stage.connect()
        stage.show()
        stage.run(5.1)
        stage.show()
        stage.run(2)
        stage.schedule.screen_lost(stage.now_s, broken=True)
    assert "creative_failed" not in caplog.text


def test_what_a_screen_was_told_to_load_after_it_had_fallen_silent_is_not_blamed(caplog):
    stage = Stage("a", "b", "c")
    for _ in range(2):
        stage.connect()
        while (stage.show()).choice.creative.id != "a":
            stage.run(5.1)
        stage.run(7)
        assert stage.schedule._next is not None
        stage.schedule.screen_lost(stage.now_s, broken=True, silent_s=4)
        stage.now_s += 1
    assert [one.creative for one in stage.schedule.left_out(stage.now_s)] == ["a"]


def test_a_screen_that_takes_its_leave_blames_nobody(caplog):
    stage = Stage("a", "b")
    for _ in range(4):
        stage.connect()
        stage.schedule.screen_lost(stage.now_s)
    stage.connect()
    assert stage.left_out == {}
    assert "creative_failed" not in caplog.text


def test_a_film_that_breaks_off_on_screen_ends_there_and_is_left_out():
    stage = Stage()
    stage.connect()
    broken = stage.show()
    stage.run(2)
    stage.schedule.screen_failed(broken.play_id, "it broke off", stage.now_s)
    assert stage.ends == [(broken.play_id, 2.0, False)]
    stage.run(0.1)
    following = stage.schedule._next
    assert following is not None
    assert following.choice.creative.id != broken.choice.creative.id
    assert following.due_s <= stage.now_s
