"""The page says that it draws, and falls silent when it no longer does: seen in a real browser."""

from __future__ import annotations

import json
import shutil
import time

import httpx
import pytest
from playwright.sync_api import sync_playwright

from tests.player.test_notice_page import screen_of, serving, wait_for


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


def age_s(site) -> float:
    age = site.screens.beat_age_s
    return float("inf") if age is None else age


def test_it_beats_about_every_two_seconds_for_as_long_as_it_draws(browser, tmp_path):
    with serving(tmp_path) as site, screen_of(browser, site):
        assert site.screens.beat_age_s is None or site.screens.beat_age_s < 1
        wait_for(lambda: age_s(site) < 1, "the first beat")
        for _ in range(2):
            wait_for(lambda: age_s(site) > 1, "time passes")
            wait_for(lambda: age_s(site) < 0.5, "the next beat")
    wait_for(lambda: site.screens.beat_age_s is None, "the page is gone")


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("window.requestAnimationFrame = () => 0", id="no frame is drawn any more"),
        pytest.param(
            "setTimeout(() => { const end = Date.now() + 8000; while (Date.now() < end); }, 0)",
            id="a script hangs",
        ),
    ],
)
def test_a_page_that_no_longer_draws_is_silent_though_it_is_connected(browser, tmp_path, how):
    with serving(tmp_path) as site, screen_of(browser, site) as page:
        wait_for(lambda: age_s(site) < 1, "the first beat")
        page.evaluate(how)
        # A beat may have been under way.
        end = time.monotonic() + 12
        while age_s(site) < 4:
            assert time.monotonic() < end, "it went on to beat"
            time.sleep(0.1)
        assert site.screens.count == 1


def test_a_mirror_is_not_believed_and_beats_once_it_speaks(browser, tmp_path):
    with serving(tmp_path) as site, screen_of(browser, site) as first:
        wait_for(lambda: age_s(site) < 1, "the first beat")
        with screen_of(browser, site):
            wait_for(lambda: site.screens.count == 2, "the mirror is connected")
            first.evaluate("window.requestAnimationFrame = () => 0")
            end = time.monotonic() + 12
            while age_s(site) < 4:
                assert time.monotonic() < end, "the mirror's beats were taken"
                time.sleep(0.1)
            first.goto("about:blank")
            wait_for(lambda: age_s(site) < 1, "the mirror speaks now")


def test_a_page_without_beats_is_served_as_before(tmp_path):
    with serving(tmp_path) as site:
        address = f"http://127.0.0.1:{site.server.port}/status"
        answer = httpx.get(address)
        assert json.loads(answer.content) == {"version": "test"}
        assert answer.headers["cache-control"] == "no-store"
        refused = httpx.get(address, headers={"host": "evil.example"})
        assert refused.status_code == 400
        assert site.screens.beat_age_s is None
