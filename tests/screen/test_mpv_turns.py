"""Whose turn it is when mpv draws the screen: the page's rules, by a clock of the test's own."""

from __future__ import annotations

import pytest

from kiosk.screen.mpv.turns import GRACE_S, OVERDUE_S, START_S, Creative, Turns


class Screen:
    """A stage that shows at once unless it is told not to, and a clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.did: list[str] = []
        self.said: list[dict] = []
        self.waits = ""
        self.slow = False
        self.swapped = False
        self.turns = Turns(self, self.said.append)

    def queue(self, creative):
        self.waits = creative.id

    def unqueue(self):
        self.waits = ""

    def swap(self):
        self.did.append(self.waits)
        self.swapped = True

    def give_up(self):
        self.did.append("back")
        self.swapped = False

    def retire(self):
        self.did.append("card")

    def run(self, until_s: float) -> None:
        """Let time pass, event by event."""
        while True:
            due = self.turns.advance(self.now)
            if self.swapped and not self.slow:
                self.swapped = False
                self.turns.began(self.now)
            elif due > until_s:
                break
            else:
                self.now = max(due, self.now + 1e-6)
        self.now = until_s


def creative(name: str, kind: str = "image", duration_s: float = 5) -> Creative:
    return Creative(name, kind, f"/media/{name}", duration_s)


@pytest.fixture
def screen():
    one = Screen()
    one.turns.connected(one.now)
    one.turns.greeted(one.now, [])
    return one


def prepare(screen: Screen, name: str, **more) -> None:
    screen.turns.prepare(screen.now, f"play-{name}", creative(name, **more))


def test_a_play_is_never_cut_and_ends_when_the_next_one_begins(screen):
    prepare(screen, "a")
    screen.run(102)
    prepare(screen, "b")
    screen.run(104.9)
    assert screen.did == ["a"]
    screen.run(105.1)
    assert screen.did == ["a", "b"]
    assert screen.said == [
        {"type": "started", "play_id": "play-a"},
        {"type": "ended", "play_id": "play-a", "shown_s": 5.0},
        {"type": "started", "play_id": "play-b"},
    ]


def test_a_play_has_not_begun_before_its_first_frame(screen):
    screen.slow = True
    prepare(screen, "a")
    screen.run(103)
    assert (screen.did, screen.said) == (["a"], [])
    screen.turns.began(103)
    screen.slow = False
    prepare(screen, "b")
    screen.run(107.9)
    assert screen.said == [{"type": "started", "play_id": "play-a"}]
    screen.run(108.1)
    assert screen.said[1] == {"type": "ended", "play_id": "play-a", "shown_s": 5.0}


def test_what_shows_no_frame_in_time_has_failed_and_what_was_before_is_back(screen):
    prepare(screen, "a")
    screen.run(101)
    prepare(screen, "b")
    screen.slow = True
    screen.run(105 + START_S - 0.1)
    assert screen.did == ["a", "b"]
    screen.run(105 + START_S + 0.1)
    assert screen.did == ["a", "b", "back"]
    assert screen.said[-1]["type"] == "failed"
    assert "no first frame" in screen.said[-1]["error"]
    assert screen.turns.shown == creative("a")


def test_a_swap_is_begun_as_much_earlier_as_the_fastest_one_took(screen):
    screen.slow = True
    for name, took_s in (("a", 0.3), ("b", 0.1), ("c", 0.12), ("d", 0.15)):
        prepare(screen, name)
        while screen.did[-1:] != [name]:
            screen.run(screen.now + 0.01)
        screen.swapped = False
        screen.now += took_s
        screen.turns.began(screen.now)
    ends = [one["shown_s"] for one in screen.said if one["type"] == "ended"]
    # Three have to be seen before anything is begun earlier.
    assert ends == [pytest.approx(seen, abs=0.02) for seen in (5.1, 5.12, 5 - 0.1 + 0.15)]


def test_a_play_that_comes_while_another_is_brought_in_waits_behind_it(screen):
    screen.slow = True
    prepare(screen, "a")
    screen.run(100.5)
    prepare(screen, "b")
    assert screen.waits == "a", "what is being brought in keeps its place"
    screen.turns.began(101)
    assert screen.waits == "b"


def test_the_same_play_told_twice_is_one(screen):
    prepare(screen, "a")
    screen.run(101)
    prepare(screen, "a")
    screen.run(108)
    assert screen.did == ["a"]


def test_alone_it_loops_the_rotation_after_a_grace_and_shows_no_play_of_the_director(screen):
    rotation = [creative("x"), creative("y")]
    screen.turns.greeted(screen.now, rotation)
    prepare(screen, "a")
    screen.run(103)
    prepare(screen, "b")
    screen.turns.lost(103)
    screen.run(118)
    assert screen.did == ["a", "x", "y", "x"], "b was chosen for people that nobody sees any more"
    assert screen.said == [
        {"type": "started", "play_id": "play-a"},
        {"type": "ended", "play_id": "play-a", "shown_s": 5.0},
    ]


def test_a_director_that_is_there_has_a_grace_before_the_rotation(screen):
    screen.turns.greeted(screen.now, [creative("x"), creative("y")])
    prepare(screen, "a")
    screen.run(105 + GRACE_S - 0.1)
    assert screen.did == ["a"]
    screen.run(105 + GRACE_S + 0.1)
    assert screen.did == ["a", "x"]


def test_a_rotation_of_one_stays_without_being_started_again(screen):
    screen.turns.greeted(screen.now, [creative("x")])
    screen.run(400)
    assert screen.did == ["x"]


def test_a_rotation_of_which_nothing_can_be_shown_does_not_spin(screen):
    screen.turns.greeted(screen.now, [creative("x"), creative("y")])
    screen.slow = True
    for _ in range(40):
        screen.run(screen.now + 0.25)
        if screen.swapped:
            screen.swapped = False
            screen.turns.failed(screen.now, "broken")
    assert 4 <= len(screen.did) <= 10
    assert screen.said == [], "the director has no play of it"


def test_what_breaks_off_is_told_once_and_makes_room_at_once(screen):
    prepare(screen, "a", duration_s=30)
    screen.run(103)
    screen.turns.broke_off(103, "cut")
    screen.turns.broke_off(103.1, "cut")
    prepare(screen, "b")
    screen.run(103.5)
    assert screen.did == ["a", "b"]
    assert [one["type"] for one in screen.said] == ["started", "failed", "ended", "started"]


def test_a_play_that_nothing_follows_gives_way_to_the_card(screen):
    prepare(screen, "a")
    screen.run(105 + OVERDUE_S - 0.1)
    assert screen.did == ["a"]
    screen.run(105 + OVERDUE_S + 0.1)
    assert screen.did == ["a", "card"]
    assert screen.said[-1] == {"type": "ended", "play_id": "play-a", "shown_s": 5.0 + OVERDUE_S}
    prepare(screen, "b")
    screen.run(screen.now + 1)
    assert screen.did[-1] == "b"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "not a creative"),
        ({"kind": "image"}, "not a creative"),
        ({"kind": "image", "url": "/a", "duration_s": "soon"}, "not a creative"),
        ({"kind": "html", "url": "/a"}, "the screen does not show html"),
        ({"kind": "image", "url": "http://elsewhere/a"}, "not a path"),
        ({"kind": "image", "url": "//elsewhere/a"}, "not a path"),
        ({"kind": "video", "url": "edl:///etc/passwd"}, "not a path"),
    ],
)
def test_what_is_no_creative_of_the_directors_is_refused(value, said):
    with pytest.raises(ValueError, match=said):
        Creative.of(value)
