"""The pages in a real browser."""

from __future__ import annotations

import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.appliance import Appliance, Mosquitto
from tests.mosquitto import wait_for

pytestmark = pytest.mark.timeout(180)

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DARKEST_MEAN = 20
"""Of 255: every creative is brighter than this, a black frame is not."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: `make setup` installs it")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield running
        running.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    folder = tmp_path_factory.mktemp("shop")
    with Mosquitto(folder / "broker") as broker:
        running = Appliance(folder, broker.port)
        try:
            running.wait_for_state(lambda s: s["play"], "the director", 60)
            yield running
        finally:
            running.stop()


def page_of(browser: Browser, url: str, width: int = 1920, height: int = 1080) -> Page:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.on("pageerror", lambda error: pytest.fail(f"script error: {error}"))
    page.goto(url)
    return page


def brightness(page: Page, path: Path) -> float:
    page.screenshot(path=path)
    with Image.open(path) as picture:
        grey = picture.convert("L").resize((64, 36))
        return sum(grey.tobytes()) / (64 * 36)


def test_the_screen_presents_plays_without_a_black_frame_and_proves_them(
    browser: Browser, shop: Appliance, tmp_path: Path
) -> None:
    screen = page_of(browser, f"{shop.url}/screen")
    try:
        wait_for(lambda: screen.evaluate("window.__kiosk.plays") >= 1, "a first play", 30)
        darkest = 255.0
        while screen.evaluate("window.__kiosk.plays") < 4:
            darkest = min(darkest, brightness(screen, tmp_path / "screen.png"))
        assert darkest > DARKEST_MEAN
        assert shop.state()["screen"] == {"connected": 1, "presented": True, "notice": True}
    finally:
        screen.close()

    connection = sqlite3.connect(shop.folder / "state.db")
    query = "SELECT duration_s, completed FROM plays WHERE presented = 1 AND duration_s > 0"
    wait_for(lambda: len(connection.execute(query).fetchall()) >= 3, "three proven plays")
    proven = connection.execute(query).fetchall()
    connection.close()
    assert all(duration_s >= 3 for duration_s, completed in proven if completed)
    assert sum(completed for _, completed in proven) >= 2


@pytest.mark.long
def test_the_screen_goes_on_while_the_director_is_dead(
    browser: Browser, shop: Appliance, tmp_path: Path
) -> None:
    screen = page_of(browser, f"{shop.url}/screen")
    try:
        wait_for(lambda: screen.evaluate("window.__kiosk.plays") >= 1, "a first play", 30)
        director = shop.child("director")
        assert director is not None
        director.suspend()
        try:
            before = screen.evaluate("window.__kiosk.plays")
            began = time.monotonic()
            darkest = 255.0
            while screen.evaluate("window.__kiosk.plays") < before + 2:
                darkest = min(darkest, brightness(screen, tmp_path / "screen.png"))
                assert time.monotonic() - began < 60, "the page does not go on by itself"
            assert darkest > DARKEST_MEAN
        finally:
            director.kill()
        shop.wait_for_state(lambda s: s["screen"]["presented"], "the screen's return", 30)
    finally:
        screen.close()


@pytest.mark.parametrize(("width", "height"), [(1440, 1000), (390, 844)], ids=["desk", "phone"])
def test_the_operators_page_tells_who_is_there_and_what_plays(
    browser: Browser, shop: Appliance, tmp_path: Path, width: int, height: int
) -> None:
    page = page_of(browser, f"{shop.url}/", width, height)
    try:
        expect(page.get_by_text(re.compile("female")).first).to_be_visible(timeout=30_000)
        expect(page.get_by_text(re.compile("targeted: |rotation: ")).first).to_be_visible()
        hours = page.get_by_role("list", name="By the hour").get_by_role("listitem")
        expect(hours).to_have_count(24)
        expect(page.locator("#today-hours [data-state=open]")).to_have_count(1)
        expect(page.get_by_text("Attention rate")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=tmp_path / "operator.png", full_page=True)
    finally:
        page.close()


def test_a_foreign_page_cannot_listen_to_the_screen(browser: Browser, shop: Appliance) -> None:
    page = browser.new_page()
    try:
        page.goto("data:text/html,<title>elsewhere</title>")
        refused = page.evaluate(
            """url => new Promise(done => {
                const socket = new WebSocket(url);
                socket.onopen = () => done(false);
                socket.onerror = () => done(true);
            })""",
            f"ws://127.0.0.1:{shop.port}/operator/ws",
        )
        assert refused
    finally:
        page.close()
