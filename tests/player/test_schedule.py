"""The schedule: one play after the other, each begun once and ended once."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.player.stage import Stage


def test_without_a_screen_plays_follow_each_other_and_are_not_presented():
    stage = Stage()
    stage.run(20.01)
    assert [presented for _, presented in stage.started_plays] == [False] * 4
    assert [end for end in stage.ends if not end[2]] == []
    assert len(stage.ends) == 3
    assert stage.schedule.current is not None
    assert not stage.schedule.presented


def test_with_a_screen_the_next_play_is_prepared_before_the_end_and_shown_by_the_screen():
    stage = Stage()
    stage.connect()
    first = stage.show()
    assert stage.schedule.presented
    stage.run(3.9)
    assert len(stage.prepared) == 1
    stage.run(0.2)
    assert len(stage.prepared) == 2
    assert stage.prepared[1].due_s == pytest.approx(5.0)
    assert stage.schedule.current == first, "a play is never cut"
    stage.run(2)
    assert stage.schedule.current == first, "the screen says when it is replaced"
    stage.show()
    assert stage.ends == [(first.play_id, 6.1, True)]
    assert len(stage.prepared) == 2


@pytest.mark.parametrize(("silent_s", "counted_s"), [(0.0, 4.0), (1.5, 2.5), (60.0, 0.0)])
def test_what_a_screen_did_not_draw_before_it_was_lost_was_no_play(silent_s, counted_s):
    stage = Stage()
    stage.connect()
    play = stage.show()
    stage.run(4)
    stage.schedule.screen_lost(stage.now_s, broken=True, silent_s=silent_s)
    assert stage.ends == [(play.play_id, counted_s, False)]


def test_a_screen_that_comes_ends_what_played_without_one():
    stage = Stage()
    stage.run(2.05)
    stage.connect()
    assert stage.ends == [("play-1", 2.0, False)]
    assert len(stage.prepared) == 1


def test_a_screen_that_goes_ends_its_play_and_the_plays_go_on():
    stage = Stage()
    stage.connect()
    first = stage.show()
    stage.run(3)
    stage.schedule.screen_lost(stage.now_s)
    assert stage.ends == [(first.play_id, 3.0, False)]
    stage.run(0.1)
    assert stage.schedule.current is not None
    assert not stage.schedule.presented


def test_reports_that_are_late_doubled_or_unknown_change_nothing():
    stage = Stage()
    stage.connect()
    first = stage.show()
    for play_id in (first.play_id, "unknown", ""):
        stage.schedule.screen_started(play_id, stage.now_s)
    for play_id in ("unknown", ""):
        stage.schedule.screen_failed(play_id, "why", stage.now_s)
    assert stage.schedule.current == first
    stage.run(5)
    second = stage.show()
    stage.schedule.screen_ended(first.play_id, 99, stage.now_s)
    stage.schedule.screen_started(first.play_id, stage.now_s)
    assert stage.schedule.current == second
    assert len(stage.ends) == 1
    assert len(stage.started_plays) == 2


def test_a_play_that_is_shown_after_it_was_given_up_is_proved_all_the_same():
    stage = Stage()
    stage.connect()
    stage.show()
    stage.run(5)
    late = stage.schedule._next
    assert late is not None
    stage.run(stage.schedule._settings.load_timeout_s + 1)
    stage.schedule.screen_started(late.play_id, stage.now_s)
    assert stage.schedule.current == late
    following = stage.schedule._next
    assert following is not None
    assert following.due_s == stage.now_s + late.choice.creative.duration_s
    ended = len(stage.ends)
    stage.schedule.screen_started(late.play_id, stage.now_s)
    assert len(stage.ends) == ended, "told twice, it is one play all the same"


@pytest.mark.parametrize(
    ("said_s", "counted_s", "completed"),
    [
        (5.0, 5.0, True),
        (4.8, 4.8, True),
        (1.0, 1.0, False),
        (99.0, 5.25, True),
        (-3.0, 0.0, False),
        (float("nan"), 0.0, False),
        (float("inf"), 5.25, True),
    ],
)
def test_the_screen_says_how_long_but_not_longer_than_it_was(said_s, counted_s, completed):
    stage = Stage()
    stage.connect()
    play = stage.show()
    stage.run(5)
    stage.schedule.screen_ended(play.play_id, said_s, stage.now_s)
    assert stage.ends == [(play.play_id, counted_s, completed)]


def test_after_the_stop_nothing_begins():
    stage = Stage()
    stage.connect()
    stage.show()
    stage.run(4.5)
    stage.schedule.stop(stage.now_s)
    stage.schedule.screen_started(stage.prepared[-1].play_id, stage.now_s)
    assert len(stage.started_plays) == len(stage.ends) == 1


class Anything(RuleBasedStateMachine):
    """A schedule to which everything happens in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
        self.screen = False

    @rule(seconds=st.floats(0.01, 30))
    def wait(self, seconds):
        self.stage.now_s += seconds
        self.stage.schedule.tick(self.stage.now_s)

    @rule()
    def connected(self):
        self.stage.connect()
        self.screen = True

    @rule()
    def lost(self):
        self.stage.schedule.screen_lost(self.stage.now_s)
        self.screen = False

    @rule(number=st.integers(1, 12))
    def started(self, number):
        self.stage.schedule.screen_started(f"play-{number}", self.stage.now_s)

    @rule(number=st.integers(1, 12), shown_s=st.floats(-5, 100))
    def ended(self, number, shown_s):
        self.stage.schedule.screen_ended(f"play-{number}", shown_s, self.stage.now_s)

    @rule(number=st.integers(1, 12))
    def failed(self, number):
        self.stage.schedule.screen_failed(f"play-{number}", "why", self.stage.now_s)

    @rule()
    def newest_started(self):
        if self.stage.prepared and self.screen:
            self.stage.show()

    @rule()
    def newest_failed(self):
        if self.stage.prepared:
            play_id = self.stage.prepared[-1].play_id
            self.stage.schedule.screen_failed(play_id, "why", self.stage.now_s)

    @invariant()
    def each_play_begins_once_and_ends_once_before_the_next_begins(self):
        begun = [play_id for play_id, _ in self.stage.started_plays]
        ended = [play_id for play_id, _, _ in self.stage.ends]
        assert len(set(begun)) == len(begun)
        current = self.stage.schedule.current
        assert ended + ([current.play_id] if current else []) == begun

    @invariant()
    def there_is_always_something_on_or_coming(self):
        self.stage.schedule.tick(self.stage.now_s)
        schedule = self.stage.schedule
        if not self.screen:
            assert schedule.current is not None
        elif schedule.current is None and not schedule.left_out(self.stage.now_s):
            assert schedule._next is not None

    @invariant()
    def no_play_lasted_longer_than_it_was_on(self):
        assert all(duration_s >= 0 for _, duration_s, _ in self.stage.ends)
        total_s = sum(duration_s for _, duration_s, _ in self.stage.ends)
        assert total_s <= self.stage.now_s + 0.25 * len(self.stage.ends) + 0.01


Anything.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnything = Anything.TestCase
