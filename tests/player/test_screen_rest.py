"""What a play leaves behind on the screen's page, and what creatives may not do to it."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page

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
    wait_for,
    watching,
)

KEPT = ("Documents", "Frames", "JSEventListeners", "Nodes")
"""Of Chrome's DevTools protocol, Performance.getMetrics."""

NO_PIXELS = 7100
"""Squared, it is more than 50 million."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def kept(screen: Page) -> dict[str, float]:
    asked = screen.context.new_cdp_session(screen)
    asked.send("Performance.enable")
    asked.send("HeapProfiler.collectGarbage")
    metrics = {one["name"]: one["value"] for one in asked.send("Performance.getMetrics")["metrics"]}
    asked.detach()
    return {name: metrics[name] for name in KEPT}


def test_plays_leave_nothing_behind(browser, tmp_path):
    theatre = Theatre(
        creative(drawing(tmp_path / "tall.svg", RED, 900, 1600), 0.4),
        creative(film(tmp_path / "film.webm", GREEN), 0.4),
        creative(page(tmp_path / "page.html", BLUE), 0.4),
        transition_ms=50,
    )
    with theatre.open(), watching(browser, theatre) as screen:
        wait_for(lambda: len(theatre.ends) >= 9, "the first plays", 30)
        before = kept(screen)
        wait_for(lambda: len(theatre.ends) >= 39, "thirty more", 60)
        after = kept(screen)
    assert theatre.failures == []
    # One play more or less may be loading: a layer, its parts, and what they listen to.
    most = {"Documents": 2, "Frames": 2, "JSEventListeners": 12, "Nodes": 30}
    grown = {name: after[name] - before[name] for name in KEPT}
    assert all(grown[name] <= most[name] for name in KEPT), (before, after)


@pytest.mark.parametrize(
    "script",
    [
        "setTimeout(() => (location = '/health'), 900)",
        "setTimeout(() => (location = 'http://there.invalid/'), 900)",
        # Before it is shown, and then while it is.
        "setTimeout(() => (location = '/aim'), 300)",
    ],
)
def test_a_creative_that_leaves_its_page_is_given_up(browser, tmp_path, script):
    theatre = Theatre(
        creative(page(tmp_path / "leaves.html", GREEN, script), 20),
        creative(drawing(tmp_path / "image.svg", RED)),
    )
    with theatre.open(), watching(browser, theatre, may_complain=True) as screen:
        wait_for(lambda: theatre.failures, "it is given up")
        wait_for(lambda: theatre.started_plays[-1] == "image", "the other one plays")
        assert is_about(middle_of(screen), RED)
    (failed, why) = theatre.failures[0]
    assert (failed, "goes elsewhere" in why) == ("leaves", True)


ANEW = {
    "writes": """setTimeout(() => {
      document.open();
      document.write("<style>html { background: #3050e0 }</style>");
      document.close();
    }, 900)""",
    # It is told its text again; a name is all that a window keeps.
    "reloads": """if (name) document.write("<style>html { background: #3050e0 }</style>");
    else setTimeout(() => { name = "again"; location.reload(); }, 900)""",
}


@pytest.mark.parametrize("script", ANEW.values(), ids=ANEW)
def test_a_creative_that_makes_itself_anew_plays_on(browser, tmp_path, script):
    theatre = Theatre(creative(page(tmp_path / "writes.html", GREEN, script), 4))
    with theatre.open(), watching(browser, theatre) as screen:
        wait_for(lambda: theatre.started_plays and is_about(middle_of(screen), BLUE), "it did")
        wait_for(lambda: theatre.ends, "it plays to its end")
    assert (theatre.failures, theatre.ends[0][2]) == ([], True)


def test_a_creative_without_a_doctype_is_drawn_as_browsers_do(browser, tmp_path):
    path = tmp_path / "old.html"
    path.write_text(
        "<meta charset=utf-8><body bgcolor=#e03030 onload='if (document.compatMode ==="
        " `BackCompat`) document.body.bgColor = `#3050e0`'>\u2603"
    )
    theatre = Theatre(creative(path, 20))
    with theatre.open(), watching(browser, theatre) as screen:
        wait_for(lambda: theatre.started_plays, "it plays")
        assert is_about(middle_of(screen), BLUE)


def test_a_picture_of_more_pixels_than_a_screens_computer_holds_is_not_unpacked(browser, tmp_path):
    picture = np.zeros((NO_PIXELS, NO_PIXELS), np.uint8)
    packed = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_BILEVEL, 1])[1].tobytes()
    url = "data:image/png;base64," + base64.b64encode(packed).decode()
    theatre = Theatre(creative(drawing(tmp_path / "image.svg", RED)))
    with theatre.open(), watching(browser, theatre) as screen:
        said = screen.evaluate(
            """async (url) => {
              const { load } = await import("/static/creative.js");
              const stage = document.createElement("main");
              const layer = load({ kind: "image", url }, stage, 8);
              return layer.ready.then(() => "shown", (error) => error.message.slice(-90));
            }""",
            url,
        )
    assert "7100 x 7100 pixels; 50 million are the most" in said
