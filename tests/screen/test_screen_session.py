"""A real compositor and a real browser, what they show, and how they come back."""

from __future__ import annotations

import shutil
import signal
import time

import cv2
import psutil
import pytest

from tests.screen.sessions import (
    BLUE,
    GREEN,
    HEADLESS,
    RED,
    WHITE,
    corners,
    panel,
    serving,
    session,
    until,
)

PROGRAMS = ("sway", "swaymsg", "grim", "chromium")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)),
    reason="sway, grim or chromium is not installed: `make setup` installs them",
)

HUNG_S = 3
BACK_S = 5


@pytest.fixture(scope="module")
def pages():
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def running(pages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("screen")
    with session(folder, pages.port, HEADLESS, hung_s=HUNG_S, mode="1280x720") as one:
        until(lambda: pages.beats > 2, "the page's first signs of life")
        yield one


def restarts(running) -> int:
    return running.said.count("event=screen_started")


def runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def beats_again(pages, within_s: float = 20) -> None:
    before = pages.beats
    until(lambda: pages.beats > before + 2, "the page is back", within_s)


def test_the_page_covers_the_whole_output_and_no_cursor_is_on_it(running, pages, tmp_path):
    file = tmp_path / "screen.png"
    until(lambda: pages.size == [1280, 720], "the page has the whole output")
    time.sleep(0.5)
    done = running.shot(file)
    assert (done.returncode, "event=screen_shot" in done.stderr) == (0, True), done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert corners(file.read_bytes()) == ((1280, 720), [RED, GREEN, BLUE, WHITE])


def test_a_picture_never_replaces_a_file(running, tmp_path):
    file = tmp_path / "kept"
    file.write_text("mine")
    done = running.shot(file)
    assert (done.returncode, file.read_text()) == (2, "mine")
    assert "it is there already" in done.stderr


def test_a_browser_that_is_killed_draws_again_within_five_seconds_with_nothing_to_restore(
    running, pages
):
    took_s = []
    # A machine that is busy with something else may be late; not three times.
    while not took_s or (min(took_s) > BACK_S and len(took_s) < 3):
        (main, *_) = running.programs("chromium")
        before, at = restarts(running), time.monotonic()
        main.kill()
        until(lambda before=before: restarts(running) > before, "another browser")
        drawn = pages.beats
        until(lambda drawn=drawn: pages.beats > drawn, "it draws")
        took_s.append(time.monotonic() - at)
    assert min(took_s) <= BACK_S, took_s
    beats_again(pages)
    assert "how='signal 9" in running.said


def test_a_page_whose_process_died_is_not_waited_for_until_it_counts_as_hung(tmp_path):
    with serving() as pages, session(tmp_path, pages.port, HEADLESS, hung_s=60) as one:
        until(lambda: pages.beats > 2, "the page")
        # As the director: a connection that is gone is known at once.
        pages.forgets_after_s = 1
        time.sleep(3)
        for process in one.programs("chromium"):
            if "--type=renderer" in process.cmdline():
                process.kill()
        until(lambda: restarts(one) == 2, "another browser")
        beats_again(pages)
        assert "event=screen_hung" in one.said


def test_a_browser_that_hangs_is_replaced(running, pages):
    before, at = restarts(running), time.monotonic()
    for process in running.programs("chromium"):
        process.suspend()
    until(lambda: restarts(running) > before, "another browser", HUNG_S + 8)
    assert time.monotonic() - at >= HUNG_S
    assert "event=screen_hung" in running.said
    beats_again(pages)


def test_a_compositor_that_is_killed_or_hangs_is_back(running, pages):
    for number in (signal.SIGKILL, signal.SIGSTOP):
        before = restarts(running)
        running.programs("sway")[0].send_signal(number)
        until(lambda before=before: restarts(running) > before, "another session")
        beats_again(pages)
    assert "event=screen_compositor_ended" in running.said
    assert "event=screen_compositor_hung" in running.said


def test_a_display_that_is_unplugged_and_plugged_in_again_shows_the_page(tmp_path):
    with (
        serving() as pages,
        panel() as display,
        session(tmp_path, pages.port, display.env, hung_s=1, rotate_deg=90) as one,
    ):
        until(lambda: pages.beats > 2, "the page")
        display.unplug()
        until(lambda: "event=screen_no_display" in one.said, "it is told")
        # Nobody sees the page: that it does not draw is no fault of the browser.
        time.sleep(5)
        one.sway("create_output")
        until(lambda: "event=screen_display_back" in one.said, "it is told")
        beats_again(pages, 5)
        turned = [BLUE, RED, WHITE, GREEN]
        until(lambda: corners(display.picture())[1] == turned, "the page on the panel")
        assert "event=screen_hung" not in one.said


def test_the_browser_is_left_alone_while_the_director_is_away_and_waits_for_it(tmp_path):
    with serving() as gone:
        port = gone.port
    with session(tmp_path, port, HEADLESS, hung_s=3) as waiting:
        until(lambda: "event=screen_no_director" in waiting.said, "it waits for the director")
        # No browser: it would show an error.
        assert waiting.programs("chromium") == []
        file = tmp_path / "waits.png"
        assert waiting.shot(file).returncode == 0
        rows = cv2.imread(str(file))[:, :, ::-1].mean(axis=1)
        assert rows.max(axis=1).min() > 50, "a card stands there, and nothing black"
        assert rows[-9].max() > 200
        with serving(port) as pages:
            until(lambda: pages.beats > 2, "the page")
        time.sleep(6)
        assert "event=screen_hung" not in waiting.said
        assert restarts(waiting) == 1
        with serving(port) as again:
            # The page itself comes back; nobody started another browser.
            until(lambda: again.beats > 2, "the page")
        assert restarts(waiting) == 1
        started = waiting.programs("")
    assert len(started) > 5
    until(lambda: not any(map(runs, started)), "nothing of it runs any more")


@pytest.mark.parametrize(
    ("rotate_deg", "seen"),
    [
        (180, [WHITE, BLUE, GREEN, RED]),
        (270, [GREEN, WHITE, RED, BLUE]),
    ],
)
def test_the_picture_is_turned_clockwise(tmp_path, rotate_deg, seen):
    with (
        serving() as pages,
        panel() as display,
        session(tmp_path, pages.port, display.env, rotate_deg=rotate_deg),
    ):
        until(lambda: pages.beats > 2, "the page")
        until(lambda: corners(display.picture())[1] == seen, "the page on the panel")
        assert pages.size == ([768, 1024] if rotate_deg % 180 else [1024, 768])
