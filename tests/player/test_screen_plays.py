"""What plays on the screen's page in a real browser, and what is proved of it."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser

from kiosk.ads import Campaign
from kiosk.screen.browser import ALONE
from tests.player.theatre import (
    BLUE,
    GREEN,
    RED,
    Theatre,
    chromium,
    creative,
    drawing,
    film,
    is_about,
    middle_of,
    page,
    picture_of,
    wait_for,
    watching,
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(*(flag for flag in ALONE if "webrtc" in flag)) as running:
        yield running


@pytest.mark.parametrize("transition_ms", [pytest.param(0, marks=pytest.mark.long), 300])
def test_plays_of_every_kind_follow_each_other_and_each_is_proved_with_its_length(
    browser, tmp_path, transition_ms
):
    theatre = Theatre(
        creative(drawing(tmp_path / "image.svg", RED)),
        creative(film(tmp_path / "film.webm", GREEN)),
        creative(page(tmp_path / "page.html", BLUE)),
        transition_ms=transition_ms,
    )
    with theatre.open(), watching(browser, theatre):
        wait_for(lambda: len(theatre.ends) >= 6, "six plays")
    assert theatre.failures == []
    assert set(theatre.started_plays[:3]) == {"image", "film", "page"}
    for _, duration_s, completed in theatre.ends[:6]:
        assert 0.95 <= duration_s < 4
        assert completed


@pytest.mark.parametrize("kind", ["image", "film", "page"])
def test_a_play_is_proved_when_it_can_be_seen_and_not_before(browser, tmp_path, kind):
    shown = {
        "image": drawing(tmp_path / "image.svg", RED),
        "film": film(tmp_path / "film.webm", GREEN),
        "page": page(tmp_path / "page.html", BLUE),
    }[kind]
    colour = {"image": RED, "film": GREEN, "page": BLUE}[kind]
    theatre = Theatre(creative(shown, duration_s=30))
    with theatre.open(), watching(browser, theatre) as screen:
        wait_for(lambda: theatre.started_plays == [kind], "it is proved")
        assert is_about(middle_of(screen), colour)


def test_a_page_that_draws_no_frames_proves_nothing(browser, tmp_path):
    theatre = Theatre(
        creative(drawing(tmp_path / "a.svg", RED)), creative(drawing(tmp_path / "b.svg", GREEN))
    )
    with theatre.open(), watching(browser, theatre) as screen:
        wait_for(lambda: len(theatre.started_plays) >= 2, "plays")
        screen.evaluate("window.requestAnimationFrame = () => 0")
        # What was under way may have had its frame.
        screen.wait_for_timeout(500)
        before = len(theatre.started_plays)
        screen.wait_for_timeout(2500)
        assert len(theatre.started_plays) == before


HIDE = """hidden => {
    Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_while_nobody_can_see_the_page_nothing_counts_as_shown(browser, tmp_path):
    theatre = Theatre(
        creative(drawing(tmp_path / "a.svg", RED)), creative(drawing(tmp_path / "b.svg", GREEN))
    )
    with theatre.open(), watching(browser, theatre) as screen:
        wait_for(lambda: theatre.schedule.presented, "a play")
        screen.evaluate(HIDE, True)
        wait_for(lambda: theatre.said[-1] == ("lost", False), "the director knows")
        before = len(theatre.started_plays)
        screen.wait_for_timeout(2500)
        assert len(theatre.started_plays) == before
        screen.evaluate(HIDE, False)
        wait_for(lambda: theatre.schedule.presented, "it is seen again")
    assert theatre.failures == []


LOOPS = {
    "at once": "while (true);",
    "when it has loaded": "onload = () => { while (true); }",
    "before its first frame": "requestAnimationFrame(() => { while (true); })",
    "while it plays": "setTimeout(() => { while (true); }, 1500)",
}


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(script, id=when, marks=pytest.mark.long if when == "at once" else ())
        for when, script in LOOPS.items()
    ],
)
def test_a_creative_that_loops_for_ever_is_given_up_and_the_page_plays_on(
    browser, tmp_path, script
):
    theatre = Theatre(
        creative(drawing(tmp_path / "image.svg", RED)),
        creative(page(tmp_path / "loops.html", GREEN, script), duration_s=20),
        creative(page(tmp_path / "good.html", BLUE)),
    )
    with theatre.open(), watching(browser, theatre) as screen:
        wait_for(lambda: theatre.failures, "it is given up")
        assert theatre.failures[0][0] == "loops"
        assert theatre.screens.beat_age_s is not None
        assert theatre.screens.beat_age_s < 4
        before = len(theatre.started_plays)
        wait_for(lambda: "good" in theatre.started_plays[before:], "the other page plays")
        wait_for(lambda: "image" in theatre.started_plays[before:], "the picture plays")
        assert [one.creative for one in theatre.schedule.left_out(0)] == ["loops"]
        assert max(middle_of(screen)) > 150
    assert {name for name, _ in theatre.failures} == {"loops"}


NOTHING_SAID = b"nothing"


class Elsewhere:
    """Another place on the network; whoever calls there is written down."""

    def __init__(self) -> None:
        self.called: list[bytes] = []
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        for serve in (self._answer, self._listen):
            threading.Thread(target=serve, daemon=True).start()

    def _answer(self) -> None:
        while True:
            try:
                caller, _ = self._tcp.accept()
            except OSError:
                return
            with caller:
                self.called.append(caller.recv(200) or NOTHING_SAID)

    def _listen(self) -> None:
        while True:
            try:
                self.called.append(self._udp.recv(200))
            except OSError:
                return

    def close(self) -> None:
        # Closing alone would not wake who waits.
        self._tcp.shutdown(socket.SHUT_RDWR)
        self._tcp.close()
        self._udp.close()


TRIES = Path(__file__).with_name("reaching.js")


def test_a_creative_opens_no_window_goes_nowhere_and_reaches_nothing(browser, tmp_path):
    there = Elsewhere()
    script = TRIES.read_text().replace("there", f"127.0.0.1:{there.port}")
    theatre = Theatre(
        creative(page(tmp_path / "bad.html", GREEN, script), duration_s=5),
        creative(drawing(tmp_path / "image.svg", RED)),
    )
    windows: list = []
    try:
        with theatre.open(), watching(browser, theatre, may_complain=True) as screen:
            screen.context.on("page", lambda window: windows.append(window))  # noqa: PLW0108
            wait_for(lambda: theatre.failures, "it is given up")
            wait_for(lambda: theatre.started_plays[-1] == "image", "the other one plays")
            assert screen.url == theatre.url
            assert is_about(middle_of(screen), RED)
    finally:
        there.close()
    assert windows == []
    assert theatre.failures[0][0] == "bad"
    assert "goes elsewhere" in theatre.failures[0][1]
    # A preconnect says nothing to whom it connects to; the unit's firewall keeps it on the machine.
    assert set(there.called) <= {NOTHING_SAID}


def no_frames(path: Path) -> Path:
    whole = film(path.with_name("whole.webm"), GREEN).read_bytes()
    # Everything up to the first cluster (its EBML id): a header that promises a picture.
    path.write_bytes(whole[: whole.index(b"\x1f\x43\xb6\x75")])
    return path


def half(path: Path) -> Path:
    whole = drawing(path.with_name("whole.svg"), GREEN).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def nonsense(path: Path) -> Path:
    path.write_bytes(os.urandom(4096))
    return path


@pytest.mark.parametrize(
    ("make", "name"),
    [
        pytest.param(no_frames, "bad.webm", id="a film without frames"),
        pytest.param(nonsense, "bad.webm", id="a film that is none"),
        pytest.param(half, "bad.svg", id="half a drawing"),
        pytest.param(nonsense, "bad.jpg", id="a picture that is none"),
    ],
)
def test_a_medium_that_cannot_be_shown_is_left_out_and_told(browser, tmp_path, make, name):
    theatre = Theatre(
        creative(drawing(tmp_path / "image.svg", RED)), creative(make(tmp_path / name))
    )
    with theatre.open(), watching(browser, theatre) as screen:
        wait_for(lambda: theatre.failures, "it is told")
        before = len(theatre.started_plays)
        wait_for(lambda: len(theatre.started_plays) >= before + 2, "the other one plays on")
        assert is_about(middle_of(screen), RED)
    assert "bad" not in theatre.started_plays
    (left_out,) = theatre.schedule.left_out(0)
    assert (left_out.creative, left_out.failures) == ("bad", 1)


def test_a_film_of_four_gigabytes_plays_and_is_never_held_in_memory(browser, tmp_path):
    path = film(tmp_path / "large.webm", GREEN)
    os.truncate(path, 4 << 30)
    theatre = Theatre(creative(path, duration_s=3), creative(drawing(tmp_path / "a.svg", RED)))
    before = psutil.Process().memory_info().rss
    with theatre.open(), watching(browser, theatre):
        wait_for(lambda: "large" in theatre.started_plays, "the film plays")
        wait_for(lambda: len(theatre.ends) >= 3, "and others after it")
    assert psutil.Process().memory_info().rss - before < 150 << 20
    assert theatre.failures == []


def test_a_campaign_that_is_replaced_while_it_plays_cuts_nothing(browser, tmp_path):
    old = [creative(drawing(tmp_path / f"old{number}.svg", RED), 2) for number in range(2)]
    theatre = Theatre(*old)
    with theatre.open(), watching(browser, theatre) as screen:
        wait_for(lambda: theatre.schedule.presented, "the old one plays")
        new = [creative(drawing(tmp_path / f"new{number}.svg", BLUE), 1) for number in range(2)]
        theatre.campaigns = [Campaign("new", tuple(new))]
        for one in old:
            one.path.unlink()
        theatre.call(theatre.screens.greet_again)
        assert is_about(middle_of(screen), RED), "it is not cut"
        wait_for(lambda: theatre.started_plays[-1].startswith("new"), "the new one plays")
        assert is_about(middle_of(screen), BLUE)
    assert theatre.ends[0][2], "the old one was shown whole"


def test_when_all_media_are_gone_the_built_in_card_stands_there(browser, tmp_path):
    gone = [creative(drawing(tmp_path / f"a{number}.svg", RED)) for number in range(2)]
    for one in gone:
        one.path.unlink()
    theatre = Theatre(*gone)
    with theatre.open(), watching(browser, theatre) as screen:
        screen.wait_for_timeout(1500)
        assert screen.get_by_role("heading", name="Welcome").is_visible()
        assert picture_of(screen).mean() > 40
        for one in gone:
            drawing(one.path, GREEN)
        wait_for(lambda: theatre.started_plays, "they are back")
        assert is_about(middle_of(screen), GREEN)


def test_a_medium_of_another_sum_never_reaches_the_screen(browser, tmp_path):
    good = creative(drawing(tmp_path / "good.svg", RED))
    good = replace(good, sha256=hashlib.sha256(good.path.read_bytes()).hexdigest())
    bad = creative(drawing(tmp_path / "bad.svg", GREEN), sha256="0" * 64)
    theatre = Theatre(good, bad)
    with theatre.open(), watching(browser, theatre) as screen:
        wait_for(lambda: theatre.started_plays.count("good") >= 3, "the good one plays")
        assert is_about(middle_of(screen), RED)
        status = screen.evaluate("url => fetch(url).then((r) => r.status)", "/media/bad/bad.svg")
    assert status == 404
    assert set(theatre.started_plays) == {"good"}
    assert theatre.failures == []


@pytest.mark.parametrize(
    ("screen_size", "picture_size"),
    [((1280, 720), (900, 1600)), ((720, 1280), (1600, 900))],
    ids=["portrait on landscape", "landscape on portrait"],
)
def test_a_picture_of_another_shape_stands_on_a_ground_of_its_own_colours(
    browser, tmp_path, screen_size, picture_size
):
    theatre = Theatre(creative(drawing(tmp_path / "a.svg", GREEN, *picture_size), duration_s=30))
    with theatre.open(), watching(browser, theatre, *screen_size) as screen:
        wait_for(lambda: theatre.started_plays, "it plays")
        picture = picture_of(screen)
        assert is_about(middle_of(screen), GREEN), "whole and undimmed"
        for corner in (picture[4, 4], picture[-4, -4]):
            assert corner.max() > 60, "no black bar"
            assert corner[1] > corner[0] + 20, "of the picture's colour"


def test_the_page_plays_on_without_the_director_and_comes_back_to_it(browser, tmp_path):
    theatre = Theatre(
        creative(drawing(tmp_path / "image.svg", RED)),
        creative(film(tmp_path / "film.webm", GREEN)),
        creative(page(tmp_path / "page.html", BLUE)),
    )
    with theatre.open(), watching(browser, theatre) as screen:
        wait_for(lambda: theatre.started_plays, "a play")
        # The browser has read what may loop.
        screen.wait_for_load_state("networkidle")
        theatre.stop_serving()
        before = screen.evaluate("window.__kiosk.plays")
        seen: set[tuple[int, int, int]] = set()
        while screen.evaluate("window.__kiosk.plays") < before + 7:
            colour = middle_of(screen)
            assert max(colour) > 150
            seen |= {known for known in (RED, GREEN, BLUE) if is_about(colour, known)}
        assert seen == {RED, GREEN, BLUE}, "of every kind, in turn"
        proved = len(theatre.started_plays)
        theatre.serve_again()
        wait_for(lambda: len(theatre.started_plays) > proved, "it is back")


def test_a_page_that_plays_is_not_blamed_for_the_next_one_that_hangs(browser, tmp_path):
    theatre = Theatre(
        creative(page(tmp_path / "good.html", BLUE), duration_s=2),
        creative(page(tmp_path / "loops.html", GREEN, LOOPS["at once"])),
    )
    with theatre.open(), watching(browser, theatre) as screen:
        wait_for(lambda: "loops" in [name for name, _ in theatre.failures], "it is given up")
        before = len(theatre.started_plays)
        wait_for(lambda: len(theatre.started_plays) >= before + 2, "the other page plays on", 20)
        assert max(middle_of(screen)) > 100
    assert {name for name, _ in theatre.failures} == {"loops"}
