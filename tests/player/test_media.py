"""The media: which may be shown, and that what is served is what was checked."""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
import time
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.ads import Campaign, Creative, Targeting
from kiosk.player import Media
from tests.player.pages import browsing, serving

GOOD = b"<svg xmlns='http://www.w3.org/2000/svg'/>" * 100
LATER_NS = 10_000_000_000


def creative(path: Path, sha256: str | None = None, kind: str = "image") -> Creative:
    return Creative(path.stem, kind, path, 5, "g", 1, True, Targeting(), sha256=sha256)


def sum_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Shelf:
    """Media of one campaign, looked at ten seconds from now: their files have been quiet."""

    def __init__(self, *creatives: Creative, verified: Path | None = None) -> None:
        self.creatives = creatives
        self.late_ns = LATER_NS
        self.media = Media(
            lambda: [Campaign("c", self.creatives)],
            verified,
            now_ns=lambda: time.time_ns() + self.late_ns,
        )

    def look(self) -> dict[str, str]:
        asyncio.run(self.media.look())
        return self.media.refused()

    def served(self, number: int = 0) -> bytes | None:
        medium = self.media.open(self.creatives[number])
        if medium is None:
            return None
        try:
            return Path(medium.path).read_bytes()
        finally:
            medium.close()


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "tea.svg"
    path.write_bytes(GOOD)
    return path


def test_a_medium_with_a_sum_is_shown_only_after_it_was_checked(file):
    shelf = Shelf(creative(file, sum_of(GOOD)))
    assert "not been checked" in shelf.media.refused()["tea"]
    assert shelf.served() is None
    assert shelf.look() == {}
    assert shelf.served() == GOOD


def test_a_medium_without_a_sum_is_shown_at_once(file):
    shelf = Shelf(creative(file))
    assert shelf.media.refused() == {}
    assert shelf.served() == GOOD
    assert shelf.look() == {}
    assert shelf.served() == GOOD


def test_another_medium_than_the_one_of_the_sum_is_never_shown_and_told_once(file, caplog):
    shelf = Shelf(creative(file, sum_of(b"another")))
    for _ in range(3):
        assert "sha256" in shelf.look()["tea"]
    assert shelf.served() is None
    assert caplog.text.count("event=medium_refused creative=tea") == 1
    file.write_bytes(b"another")
    assert shelf.look() == {}
    assert shelf.served() == b"another"


@pytest.mark.parametrize("how", ["in place", "replaced", "same times", "gone", "a link", "a pipe"])
def test_what_was_checked_and_then_changed_is_not_served(file, tmp_path, how):
    shelf = Shelf(creative(file, sum_of(GOOD)))
    assert shelf.look() == {}
    before = file.stat()
    bad = b"x" * len(GOOD)
    if how == "in place":
        file.write_bytes(bad)
    elif how == "same times":
        file.write_bytes(bad)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        file.unlink()
        if how == "replaced":
            file.write_bytes(bad)
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        elif how == "a link":
            (tmp_path / "other").write_bytes(bad)
            file.symlink_to(tmp_path / "other")
        elif how == "a pipe":
            os.mkfifo(file)
    assert shelf.served() is None
    assert shelf.look().keys() == {"tea"}
    assert shelf.served() is None


def test_a_file_that_is_still_being_written_is_looked_at_later(file, caplog):
    shelf = Shelf(creative(file, sum_of(GOOD)))
    shelf.late_ns = 0
    assert "not been checked" in shelf.look()["tea"]
    shelf.late_ns = LATER_NS
    assert shelf.look() == {}
    assert "medium_refused" not in caplog.text


def test_it_is_read_again_only_when_it_changed(file, monkeypatch):
    shelf = Shelf(creative(file, sum_of(GOOD)))
    read = []
    monkeypatch.setattr(shelf.media, "_sum_of", lambda *_: read.append(1) or sum_of(GOOD))
    for _ in range(3):
        shelf.look()
    assert len(read) == 1
    os.utime(file)
    shelf.look()
    assert len(read) == 2


def test_what_head_office_delivered_was_checked_when_it_came(file):
    shelf = Shelf(creative(file, sum_of(b"whatever")), verified=file.parent)
    assert shelf.media.refused() == {}
    assert shelf.look() == {}
    assert shelf.served() == GOOD


def test_a_creative_that_is_gone_is_refused_until_it_is_back(file, caplog):
    shelf = Shelf(creative(file))
    file.unlink()
    for _ in range(2):
        assert "No such file" in shelf.look()["tea"]
    assert shelf.served() is None
    assert caplog.text.count("medium_refused") == 1
    file.write_bytes(GOOD)
    assert shelf.served() == GOOD, "at once, not at the next look"
    assert shelf.look() == {}


def png(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + header
        + struct.pack(">I", zlib.crc32(header))
    )


def test_a_picture_that_would_fill_the_memory_is_refused_unread(tmp_path):
    bomb, large = tmp_path / "bomb.png", tmp_path / "large.png"
    bomb.write_bytes(png(50_000, 50_000))
    large.write_bytes(png(7680, 4320))
    shelf = Shelf(creative(bomb), creative(large))
    assert "50000 x 50000" in shelf.look()["bomb"]
    assert shelf.media.refused().keys() == {"bomb"}
    assert shelf.served(0) is None
    assert shelf.served(1) is not None


def test_a_small_medium_does_not_wait_for_a_large_one(tmp_path, file):
    film = tmp_path / "film.webm"
    with film.open("wb") as content:
        content.truncate(64 << 20)
    shelf = Shelf(creative(film, "0" * 64, "video"), creative(file, sum_of(GOOD)))
    order = []
    conclude = shelf.media._conclude
    shelf.media._conclude = lambda key, one, verdict: (
        order.append(one.id),
        conclude(key, one, verdict),
    )  # type: ignore[method-assign]
    assert shelf.look().keys() == {"film"}
    assert order == ["tea", "film"]


def test_a_check_that_takes_long_ends_with_the_watch(tmp_path):
    film = tmp_path / "film.webm"
    with film.open("wb") as content:
        content.truncate(1 << 40)

    async def scenario():
        shelf = Shelf(creative(film, "0" * 64, "video"))
        watching = asyncio.create_task(shelf.media.watch())
        await asyncio.sleep(0.2)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return shelf

    began = time.monotonic()
    shelf = asyncio.run(scenario())
    assert time.monotonic() - began < 5
    assert shelf.media.refused().keys() == {"film"}


def test_an_answer_breaks_off_when_its_medium_is_written_to(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site, browsing(site) as client:
            film = site.campaigns[0].creatives[1].path
            with film.open("wb") as content:
                content.truncate(64 << 20)
            async with client.stream("GET", "/media/film/film.webm") as answer:
                assert answer.status_code == 200
                parts = answer.aiter_bytes(1 << 16)
                await anext(parts)
                with film.open("r+b") as content:
                    content.write(b"x")
                with pytest.raises(Exception, match=r"closed|incomplete|peer"):
                    async for _ in parts:
                        pass

    asyncio.run(scenario())


def test_a_medium_that_was_not_checked_is_not_served(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site, browsing(site) as client:
            first, *rest = site.campaigns[0].creatives
            guarded = replace(first, sha256=sum_of(first.path.read_bytes()))
            site.campaigns = [Campaign("c", (guarded, *rest))]
            assert (await client.get("/media/tea/tea.svg")).status_code == 404
            assert "tea" in site.media.refused()
            await asyncio.sleep(1.1)
            await site.media.look()
            answer = await client.get("/media/tea/tea.svg")
            assert answer.status_code == 200
            assert answer.headers["x-content-type-options"] == "nosniff"

    asyncio.run(scenario())
