"""The schedule: one play after the other, each begun once and ended once."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count, pairwise
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kiosk.ads import Creative, Decision, Targeting
from kiosk.config import PlayerSettings
from kiosk.player import Play, Schedule
from kiosk.player.quarantine import FIRST_S

DURATION_S = 5.0


def creative(name: str, duration_s: float = DURATION_S) -> Creative:
    return Creative(name, "image", Path("x.svg"), duration_s, "general", 1, True, Targeting())


class Stage:
    """A schedule with its listener and a rotation to choose from."""

    def __init__(self, *names: str, start_s: float = 0.0) -> None:
        self.now_s = start_s
        self.creatives = [creative(name) for name in names or ("a", "b", "c")]
        self.turn = 0
        self.refused: dict[str, str] = {}
        self.left_out: dict[str, str] = {}
        self.prepared: list[Play] = []
        self.log: list[tuple[str, str]] = []
        self.started_plays: list[tuple[str, bool]] = []
        self.ends: list[tuple[str, float, bool]] = []
        ids = count(1)
        self.schedule = Schedule(
            PlayerSettings(),
            self.choose,
            lambda: f"play-{next(ids)}",
            listener=self,
            refused=lambda: self.refused,
        )

    def choose(self, broken: Mapping[str, str]) -> Decision | None:
        self.left_out = dict(broken)
        able = [one for one in self.creatives if one.id not in broken]
        if not able:
            return None
        self.turn += 1
        return Decision(able[self.turn % len(able)], "spring", "rotation: test", "A test.")

    def prepare(self, play: Play) -> None:
        self.prepared.append(play)

    def started(self, play: Play, *, presented: bool) -> None:
        self.started_plays.append((play.play_id, presented))

    def ended(self, play: Play, duration_s: float, *, completed: bool) -> None:
        self.ends.append((play.play_id, round(duration_s, 3), completed))

    def run(self, seconds: float, step_s: float = 0.05) -> None:
        until = self.now_s + seconds
        while self.now_s < until - 1e-9:
            self.now_s += step_s
            self.schedule.tick(self.now_s)

    def connect(self) -> None:
        self.schedule.screen_connected(self.now_s)

    def show(self) -> Play:
        """The screen replaces what is on it by what was prepared last."""
        play = self.prepared[-1]
        current = self.schedule.current
        if current is not None:
            self.schedule.screen_ended(
                current.play_id, self.schedule.elapsed_s(self.now_s), self.now_s
            )
        self.schedule.screen_started(play.play_id, self.now_s)
        return play


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


@pytest.mark.parametrize(("silent_s", "counted_s"), [(0.0, 4.0), (1.5, 2.5), (60.0, 0.0)])
def test_what_a_screen_did_not_draw_before_it_was_lost_was_no_play(silent_s, counted_s):
    stage = Stage()
    stage.connect()
    play = stage.show()
    stage.run(4)
    stage.schedule.screen_lost(stage.now_s, broken=True, silent_s=silent_s)
    assert stage.ends == [(play.play_id, counted_s, False)]


def test_a_screen_that_takes_its_leave_blames_nobody(caplog):
    stage = Stage("a", "b")
    for _ in range(4):
        stage.connect()
        stage.schedule.screen_lost(stage.now_s)
    stage.connect()
    assert stage.left_out == {}
    assert "creative_failed" not in caplog.text


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
