"""A real compositor and a real mpv before the player's own server: what is seen and proved."""

from __future__ import annotations

import shutil
import signal
import socket
import struct
import threading
import time
import zlib

import pytest

from tests.screen.mpv_shop import close_to, film, looked_at, open_shop, picture, seen
from tests.screen.sessions import HEADLESS, panel, session, until

PROGRAMS = ("sway", "swaymsg", "grim", "mpv")

pytestmark = [
    # About a minute and a half, beside what the browser's session proves in the same way.
    pytest.mark.long,
    pytest.mark.skipif(
        not all(map(shutil.which, PROGRAMS)),
        reason="sway, grim or mpv is not installed: `make setup` installs them",
    ),
]

HUNG_S = 3
LOOPED = {
    "red": ("image", "red.png", 1.2),
    "green": ("video", "green.mp4", 1.5),
    "page": ("html", "page.html", 1.0),
    "blue": ("image", "blue.png", 1.2),
    # FFmpeg reads it as a film of one frame.
    "yellow": ("image", "yellow.avif", 2.4),
}


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    folder = tmp_path_factory.mktemp("media")
    picture(folder / "red.png", "red")
    picture(folder / "blue.png", "blue", (360, 640))
    picture(folder / "yellow.avif", "yellow")
    film(folder / "green.mp4", "green")
    (folder / "page.html").write_text("<p>page</p>")
    return folder


@pytest.fixture(scope="module")
def shop(media):
    with open_shop(media, **LOOPED) as one:
        yield one


@pytest.fixture(scope="module")
def running(shop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mpv")
    options = {"hung_s": HUNG_S, "mode": "1280x720", "backend": "mpv"}
    with session(folder, shop.server.port, HEADLESS, **options) as one:
        until(lambda: shop.names("started"), "the first play")
        yield one


def sockets(running):
    return running.folder / "kiosk-screen"


def beats(shop) -> bool:
    age = shop.screens.beat_age_s
    return age is not None and age < 3


def restarts(running) -> int:
    return running.said.count("event=screen_started")


def test_pictures_and_films_are_shown_and_each_play_is_proved(running, shop):
    before = len(shop.told)
    wrong, samples = [], 0
    deadline = time.monotonic() + 9
    while time.monotonic() < deadline:
        at = time.monotonic()
        colour = seen(sockets(running))
        samples += 1
        if not any(close_to(colour, name) for name in ("red", "green", "blue", "yellow")):
            wrong.append((at, colour))
    plays = shop.told[before:]
    started = [one.creative for one in plays if one.what == "started"]
    ended = [one.more for one in plays if one.what == "ended"]
    assert samples > 15
    assert wrong == [], "never black, never anything else"
    assert len(started) >= 4
    assert set(started) == {"red", "green", "blue", "yellow"}
    assert all(completed for _, completed in ended)
    assert [one for one in plays if one.what == "failed"] == []


def test_what_is_proved_is_what_is_on_the_screen_at_that_moment(running, shop):
    for _ in range(4):
        before = len(shop.names("started"))
        until(lambda before=before: len(shop.names("started")) > before, "the next play")
        time.sleep(0.05)
        assert close_to(seen(sockets(running)), shop.names("started")[-1])


def test_a_film_moves(running, shop):
    until(lambda: shop.names("started")[-1] == "green", "the film")
    one = looked_at(sockets(running))
    time.sleep(0.2)
    assert (one != looked_at(sockets(running))).any()


def test_the_notice_stands_in_its_corner_and_the_director_knows(running, shop):
    assert [one.more for one in shop.told if one.what == "notice"][-1] is True
    shown = looked_at(sockets(running))
    corner = shown[560:, 640:].reshape(-1, 3)
    plate = ((corner < (40, 46, 52)).all(axis=1)).mean()
    letters = ((corner > 200).all(axis=1)).mean()
    assert plate > 0.2
    assert 0.005 < letters < 0.3


def test_a_screen_says_which_one_it_is(running, shop):
    shop.call(lambda: shop.screens.identify("mill/berlin/window", 2))
    gold = (255, 209, 102)

    def framed() -> bool:
        return bool((abs(looked_at(sockets(running)).astype(int) - gold) < 12).all(axis=2).any())

    until(framed, "the frame of the name")
    until(lambda: not framed(), "it is gone")


def test_while_the_camera_is_aimed_a_sentence_covers_what_plays(running, shop):
    shop.call(lambda: shop.screens.aim(3))
    until(lambda: max(seen(sockets(running))) < 40, "what plays is covered")
    before = len(shop.names("started"))
    time.sleep(1.5)
    assert len(shop.names("started")) == before, "nothing counts meanwhile"
    until(lambda: max(seen(sockets(running))) > 150, "it is uncovered")
    until(lambda: len(shop.names("started")) > before, "plays count again")


def test_an_mpv_that_is_killed_is_back_within_five_seconds(running, shop):
    (main, *_) = running.programs("mpv")
    before, at = len(shop.told), time.monotonic()
    main.kill()
    until(lambda: any(one.what == "started" for one in shop.told[before:]), "a play")
    assert time.monotonic() - at < 5
    assert "how='signal 9" in running.said


def test_an_mpv_that_hangs_is_replaced(running, shop):
    until(lambda: beats(shop), "a sign of life")
    before = restarts(running)
    running.programs("mpv")[0].send_signal(signal.SIGSTOP)
    until(lambda: restarts(running) > before, "another mpv", HUNG_S + 8)
    until(lambda: beats(shop), "it draws")


def test_without_the_director_the_rotation_goes_on_from_memory_and_then_with_it(tmp_path, media):
    rotation = {name: LOOPED[name] for name in ("red", "green")}
    with open_shop(media, **rotation) as first:
        port = first.server.port
        with session(tmp_path, port, HEADLESS, hung_s=6, backend="mpv") as one:
            until(lambda: len(first.names("started")) > 2, "plays")
            first.stop()
            colours = set()
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                colour = seen(sockets(one))
                names = [name for name in rotation if close_to(colour, name)]
                assert names, colour
                colours.update(names)
            assert colours == set(rotation)
            with open_shop(media, port, **rotation) as again:
                until(lambda: again.names("started"), "plays count again")
            assert restarts(one) == 1


def test_what_is_broken_is_told_and_what_was_before_stays(tmp_path, media):
    (tmp_path / "red.png").write_bytes((media / "red.png").read_bytes())
    film = (media / "green.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(film[: len(film) // 3])
    (tmp_path / "text.png").write_text("no picture")
    with Trap() as (asked, port):
        playlist = f"#EXTM3U\n#EXTINF:5\nhttp://127.0.0.1:{port}/stolen.png\n"
        (tmp_path / "list.mp4").write_text(playlist)
        hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:{port}/a.ts\n"
        (tmp_path / "hls.mp4").write_text(f"{hls}#EXT-X-ENDLIST\n")
        (tmp_path / "edl.mp4").write_text(f"# mpv EDL v0\nhttp://127.0.0.1:{port}/edl\n")
        (tmp_path / "bomb.png").write_bytes(bomb(40000, 40000))
        broken = {
            name: ("image" if name.endswith("png") else "video", name, 1.0)
            for name in ("cut.mp4", "text.png", "list.mp4", "hls.mp4", "edl.mp4", "bomb.png")
        }
        with (
            open_shop(tmp_path, red=("image", "red.png", 1.0), **broken) as shop,
            session(tmp_path, shop.server.port, HEADLESS, hung_s=HUNG_S, backend="mpv") as one,
        ):
            until(lambda: shop.names("started"), "the first play")
            until(lambda: len(shop.names("failed")) >= len(broken), "all are told")
            assert set(shop.names("started")) == {"red"}
            assert close_to(seen(sockets(one)), "red")
            assert restarts(one) == 1
        assert asked == [], "nothing was fetched on a medium's word"


def test_a_display_that_is_unplugged_is_told_and_plays_do_not_count(tmp_path, media):
    with (
        open_shop(media, red=LOOPED["red"], blue=LOOPED["blue"]) as shop,
        panel() as display,
        session(tmp_path, shop.server.port, display.env, hung_s=2, backend="mpv") as one,
    ):
        until(lambda: shop.names("started"), "the first play")
        display.unplug()
        until(lambda: "event=screen_no_display" in one.said, "it is told")
        until(lambda: shop.told[-1].what in ("lost", "notice"), "the director knows")
        before = len(shop.names("started"))
        time.sleep(1.5)
        assert len(shop.names("started")) == before
        one.sway("create_output")
        until(lambda: len(shop.names("started")) > before, "plays count again")


class Trap:
    """A port on which nobody should call."""

    def __enter__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.asked: list[bytes] = []
        threading.Thread(target=self._take, daemon=True).start()
        return self.asked, self.server.getsockname()[1]

    def _take(self):
        try:
            while True:
                caller, _ = self.server.accept()
                self.asked.append(caller.recv(200))
                caller.close()
        except OSError:
            return

    def __exit__(self, *_):
        self.server.close()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that says it has that many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
