"""The notice in a real browser: legible, whole, read by a telephone, and told when it is not."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from kiosk.config import NoticeSettings
from tests.player.pages import Site

LINK = "https://shop.example/privacy"
LONGEST = "https://shop.example/" + "privacy/" * 12 + "abc"
SCREENS = [(1920, 1080), (1080, 1920), (1280, 720)]
LEAST_PX = {"small": 15, "medium": 21, "large": 28}
"""Height of the letters on 720 lines."""

WHITE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="1600" height="900">'
    '<rect width="1600" height="900" fill="#fff"/></svg>'
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: `make setup` installs it")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield running
        running.close()


@contextmanager
def serving(folder: Path, **options) -> Iterator[Site]:
    """A site in a thread of its own, whose only creative that loads is white all over."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def do(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(10)

    site = Site(folder, **options)
    (folder / "tea.svg").write_text(WHITE)
    do(site.server.start())
    try:
        yield site
    finally:
        do(site.server.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def screen_of(browser: Browser, site: Site) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1920, "height": 1080})
    page.on("pageerror", lambda error: pytest.fail(f"script error: {error}"))
    try:
        page.goto(f"http://127.0.0.1:{site.server.port}/screen")
        yield page
    finally:
        page.close()


def notices(site: Site) -> list[bool]:
    return [said[1] for said in list(site.said) if said[0] == "notice"]


def wait_for(condition, what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"not within 30 s: {what}"
        time.sleep(0.02)


def picture_of(what: Page | Locator, path: Path) -> np.ndarray:
    what.screenshot(path=path)
    return cv2.imread(str(path))


def luminance(bgr: np.ndarray) -> float:
    """Relative luminance as the Web Content Accessibility Guidelines define it."""
    c = bgr[::-1] / 255.0
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@pytest.mark.parametrize("size", list(LEAST_PX))
def test_it_is_whole_and_its_code_is_read_on_every_screen(browser, tmp_path, size):
    notice = NoticeSettings(size=size, link=LINK, qr=True)
    with serving(tmp_path, notice=notice) as site, screen_of(browser, site) as page:
        for width, height in SCREENS:
            page.set_viewport_size({"width": width, "height": height})
            picture = picture_of(page.locator("#notice"), tmp_path / "notice.png")
            assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == LINK, (width, height)
            box = page.locator("#notice").bounding_box()
            assert box is not None
            assert min(box["x"], box["y"]) >= 0
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= height
            assert box["width"] * box["height"] < 0.22 * width * height, "it leaves the rest"
            letters = page.locator("#notice").evaluate(
                "e => parseFloat(getComputedStyle(e).fontSize)"
            )
            assert letters >= LEAST_PX[size] * min(width, height) / 720
        expect(page.locator("#notice")).to_contain_text("A camera here estimates age, gender")
        expect(page.locator("#notice")).to_contain_text("shop.example/privacy")
        assert notices(site) == [True]


def test_the_longest_link_is_read_too(browser, tmp_path):
    notice = NoticeSettings(link=LONGEST, qr=True)
    with serving(tmp_path, notice=notice) as site, screen_of(browser, site) as page:
        expect(page.locator("#notice-qr")).to_be_visible()
        picture = picture_of(page.locator("#notice"), tmp_path / "notice.png")
    assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == LONGEST


def test_white_letters_stand_out_over_a_white_advert(browser, tmp_path):
    notice = NoticeSettings(position="top-left")
    with serving(tmp_path, notice=notice) as site, screen_of(browser, site) as page:
        shot = tmp_path / "screen.png"
        wait_for(
            lambda: picture_of(page, shot)[1000, 1000].tolist() == [255, 255, 255],
            "the advert is on screen, and white",
        )
        picture = picture_of(page, shot)
        box = page.locator("#notice").bounding_box()
    assert box is not None
    inside = picture[int(box["y"]) + 12, int(box["x"] + box["width"] / 2)]
    contrast = 1.05 / (luminance(inside) + 0.05)
    assert contrast > 12


def test_two_languages_stand_together_and_each_says_which_it_is(browser, tmp_path):
    notice = NoticeSettings(languages=["de", "fr"])
    with serving(tmp_path, notice=notice, estimated=()) as site, screen_of(browser, site) as page:
        for language, words in (("de", "zählt hier Personen"), ("fr", "compte les personnes")):
            one = page.locator(f"#notice [lang={language}]")
            expect(one).to_be_visible()
            expect(one).to_contain_text(words)


def test_more_languages_take_turns_in_a_box_that_does_not_jump(browser, tmp_path):
    notice = NoticeSettings(languages=["pl", "en", "es"])
    with serving(tmp_path, notice=notice) as site:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.clock.install()
        page.goto(f"http://127.0.0.1:{site.server.port}/screen")
        boxes, turns = [], []
        for _ in range(4):
            expect(page.locator("#notice .current")).to_have_count(1)
            shown = [
                one
                for one in ("pl", "en", "es")
                if page.locator(f"#notice [lang={one}]").is_visible()
            ]
            turns.append(shown)
            boxes.append(page.locator("#notice").bounding_box())
            page.clock.run_for(8000)
        page.close()
    assert turns == [["pl"], ["en"], ["es"], ["pl"]]
    assert all(box == boxes[0] for box in boxes)


WAYS_TO_HIDE = [
    "e.hidden = true",
    "e.style = 'opacity: 0'",
    "e.style = 'visibility: hidden'",
    "e.style = 'transform: translateX(60%)'",
    "e.style = 'width: 0; height: 0; padding: 0; overflow: hidden'",
    "e.querySelector('.words').style = 'display: none'",
]
BACK = "e.hidden = false; e.style = ''; e.querySelector('.words').style = ''"
ASK = "document.dispatchEvent(new Event('visibilitychange'))"


def test_a_notice_that_cannot_be_seen_is_told(browser, tmp_path):
    with serving(tmp_path) as site, screen_of(browser, site) as page:
        wait_for(lambda: notices(site) == [True], "it is shown")
        for number, way in enumerate(WAYS_TO_HIDE, 1):
            for script, shown in ((way, False), (BACK, True)):
                page.locator("#notice").evaluate(f"e => {{ {script}; {ASK} }}")
                wait_for(lambda: len(notices(site)) == 2 * number + shown, way)  # noqa: B023
                assert notices(site)[-1] is shown, way
        page.locator("#notice").evaluate(f"e => {{ {WAYS_TO_HIDE[0]} }}")
        wait_for(lambda: notices(site)[-1] is False, "it is noticed without being asked")
        page.locator("#notice").evaluate(f"e => {{ {BACK}; {ASK} }}")
        wait_for(lambda: notices(site)[-1], "it is back")
    assert notices(site)[-1] is False, "the screen is gone"


def test_a_notice_that_is_switched_off_is_never_told_as_shown(browser, tmp_path):
    notice = NoticeSettings(show=False)
    with serving(tmp_path, notice=notice) as site, screen_of(browser, site) as page:
        wait_for(lambda: ("started", "play-1") in site.said, "the advert is on screen")
        expect(page.locator("#notice")).to_be_hidden()
    assert notices(site) == []


def test_it_stands_above_the_card_that_tells_screens_apart(browser, tmp_path):
    with serving(tmp_path) as site, screen_of(browser, site) as page:
        expect(page.locator("#notice")).to_be_visible()
        last = page.evaluate("document.body.lastElementChild.id")
    assert last == "notice"
