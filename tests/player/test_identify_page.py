"""The screen says which one it is: legible over any play, without cutting it, beside the notice."""

from __future__ import annotations

import asyncio
import shutil
import time

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect, sync_playwright

from kiosk.config import NoticeSettings
from tests.player.test_notice_page import picture_of, screen_of, serving, wait_for

NAME = "demo/shop-1/kiosk-1"
LONG = "/".join(("a-very-long-company-name-" * 2 + "of-it", "flagship-store", "window-" * 8))
SCREENS = [(1920, 1080), (1080, 1920), (1280, 720)]
LEAST_PX = 18 * 1080 / 685
"""18 mm of a 55 inch screen, on its 1080 lines: the height of a capital letter."""


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: `make setup` installs it")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield running
        running.close()


def shown(page) -> None:
    wait_for(lambda: page.evaluate("window.__kiosk.plays") >= 1, "something plays")


def identify(site, seconds: float, name: str = NAME) -> None:
    """From the loop's own thread, as the director does it."""
    loop = site.server._task.get_loop()

    async def do() -> None:
        site.screens.identify(name, seconds)

    asyncio.run_coroutine_threadsafe(do(), loop).result(5)


def test_it_stands_over_what_plays_is_legible_and_goes_by_itself(browser, tmp_path):
    with serving(tmp_path) as site, screen_of(browser, site) as page:
        shown(page)
        before = page.evaluate("window.__kiosk.current.id")
        identify(site, 60)
        expect(page.locator("#identify")).to_be_visible()
        expect(page.locator("#identify")).to_contain_text("kiosk-1")
        expect(page.locator("#identify")).to_contain_text("demo / shop-1")
        letters = page.locator("#identify span").first.evaluate(
            "e => parseFloat(getComputedStyle(e).fontSize)"
        )
        assert letters * 0.7 >= LEAST_PX
        # A white creative plays: the plate brings its own ground.
        picture = picture_of(page.locator("#identify"), tmp_path / "identify.png")
        dark, light = np.percentile(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (30, 99.5))
        assert dark < 40
        assert light > 230
        corner = picture_of(page, tmp_path / "page.png")[10, 10]
        assert tuple(corner) == (255, 255, 255), "what plays is seen around it"
        assert page.evaluate("window.__kiosk.current.id") == before
        began = time.monotonic()
        identify(site, 1.5)
        expect(page.locator("#identify")).to_be_hidden(timeout=30_000)
        assert time.monotonic() - began > 1
        assert not [said for said in site.said if said[0] in ("failed", "lost")]


@pytest.mark.parametrize("name", [NAME, LONG], ids=["a usual name", "the longest names"])
def test_neither_it_nor_the_notice_covers_the_other_on_any_screen(browser, tmp_path, name):
    notice = NoticeSettings(size="large", link="https://shop.example/privacy", qr=True)
    with serving(tmp_path, notice=notice) as site, screen_of(browser, site) as page:
        shown(page)
        identify(site, 60, name)
        expect(page.locator("#identify")).to_be_visible()
        for width, height in SCREENS:
            page.set_viewport_size({"width": width, "height": height})
            plate = page.locator("#identify").bounding_box()
            assert plate is not None
            assert 0 <= plate["x"] <= plate["x"] + plate["width"] <= width
            assert 0 <= plate["y"] <= plate["y"] + plate["height"] <= height
            order = page.evaluate(
                "document.getElementById('identify').compareDocumentPosition("
                "document.getElementById('notice')) & Node.DOCUMENT_POSITION_FOLLOWING"
            )
            assert order, "where they meet, the notice is on top"


def test_a_name_is_text_and_never_markup(browser, tmp_path):
    with serving(tmp_path) as site, screen_of(browser, site) as page:
        shown(page)
        identify(site, 60, "demo/<b>shop</b>/<img src=x onerror=alert(1)>")
        expect(page.locator("#identify")).to_contain_text("<img src=x")
        assert page.locator("#identify img, #identify b").count() == 0
