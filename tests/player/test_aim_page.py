"""The aiming page in a real browser: over what plays, beside the notice, and gone by itself."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager

import httpx
import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.director.shop import opened, woman

SIZES = [(1920, 1080), (1080, 1920), (1280, 720)]
ZONE = {"name": "mirror", "polygon": [(0, 0.1), (0.2, 0.1), (0.2, 0.9)]}
LEAST_SHARE = 0.021
"""Of the shorter side, for the smallest letters: 14 mm on a 55 inch screen, read from a ladder."""

FAR_AND_WIDE = [
    {"box": (0.45, 0.3, 0.06, 0.12)},
    {"box": (0.05, 0.3, 0.024, 0.05), "looking": False},
    {"box": (0.93, 0.3, 0.024, 0.05), "mood": "unknown", "mood_p": 0.3},
]


@asynccontextmanager
async def at_work(folder, path="/screen", **changes):
    """A director, a vision, and a page in a browser."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: `make setup` installs it")
    async with (
        opened(folder, **changes) as shop,
        shop.vision() as see,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        page = await browser.new_page(viewport={"width": 1920, "height": 1080})
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
        await page.goto(f"http://127.0.0.1:{shop.director._web.port}{path}")
        try:
            yield shop, see, page
        finally:
            await browser.close()
        assert wrong == []


async def aim(shop, seconds: float) -> None:
    url = f"http://127.0.0.1:{shop.director._web.port}/aim?seconds={seconds}"
    async with httpx.AsyncClient() as client:
        assert (await client.post(url)).status_code == 200


async def stand(shop, see, *people) -> None:
    """For as long as three messages to the page take."""
    for _ in range(3):
        await see(*[woman(shop, f"p{n}", **one) for n, one in enumerate(people)])
        await shop.go(0.2)
        await asyncio.sleep(0.3)


async def at_its_pace(shop, condition, what: str) -> None:
    """Let the director live no faster than the browser."""
    for _ in range(300):
        await shop.go(0.1)
        await asyncio.sleep(0.1)
        if condition():
            return
    raise AssertionError(f"not within 30 s: {what}")


def inside(page: Page):
    return page.frame_locator("#aim iframe")


def test_it_covers_what_plays_goes_by_itself_and_nothing_under_it_is_proven(tmp_path):
    async def scenario():
        async with at_work(tmp_path) as (shop, _, page):
            schedule = shop.director._schedule
            await at_its_pace(shop, lambda: schedule.presented, "a play is on screen")
            await aim(shop, 20)
            await expect(page.locator("#aim iframe")).to_be_visible()
            await expect(inside(page).locator("h1")).to_have_text("Aiming the camera")
            await shop.written()
            before = await shop.ask("SELECT count(*) FROM plays WHERE presented = 1")
            for _ in range(30):
                await shop.go(1)
                during = await shop.ask("SELECT count(*) FROM plays WHERE presented = 1")
                if not shop.director._screens.aiming:
                    break
                assert during == before
                assert not schedule.presented
                assert shop.director._notice_shown
            assert not shop.director._screens.aiming
            assert await shop.ask("SELECT count(*) FROM plays WHERE presented = 0") > [(5,)]
            await expect(page.locator("#aim")).to_be_hidden()
            await at_its_pace(shop, lambda: schedule.presented, "a play is on screen again")

    asyncio.run(scenario())


def test_it_goes_though_the_director_has_no_time_to_say_so(tmp_path):
    async def scenario():
        async with at_work(tmp_path) as (shop, _, page):
            await shop.until(lambda: shop.director._screens.count == 1, "the page is connected")
            # Its clock stands still.
            await aim(shop, 1.5)
            await expect(page.locator("#aim")).to_be_visible()
            await expect(page.locator("#aim")).to_be_hidden(timeout=30_000)
            assert shop.director._screens.aiming

    asyncio.run(scenario())


def test_boxes_figures_and_ticks_are_those_of_the_faces(tmp_path):
    async def scenario():
        async with at_work(tmp_path, vision={"zones": {"ignore": [ZONE]}}) as (shop, see, page):
            await aim(shop, 300)
            said = inside(page)
            await stand(shop, see)
            await expect(said.locator("#say")).to_contain_text("Nobody is seen")
            assert await said.locator("#checks .done").count() == 0
            await stand(shop, see, *FAR_AND_WIDE)
            await expect(said.locator("#say")).to_be_hidden()
            await expect(said.locator("#boxes rect")).to_have_count(3)
            labels = said.locator("#labels .label")
            await expect(labels).to_have_text(["4.2 m", "1.7 m", "4.2 m"])
            # As in a mirror: who stands on the picture's left is drawn on the right.
            field = await said.locator("#view").bounding_box()
            boxes = [await one.bounding_box() for one in await said.locator("#boxes rect").all()]
            middles = [(b["x"] + b["width"] / 2 - field["x"]) / field["width"] for b in boxes]
            assert middles == pytest.approx([0.058, 0.52, 0.938], abs=0.01)
            cards = said.locator("#people article")
            await expect(cards.nth(0)).to_contain_text("unsure")
            await expect(cards.nth(0)).to_contain_text("Too far for a sure age, gender and mood.")
            await expect(cards.nth(1)).to_contain_text("face 77 px wide (least 24)")
            await expect(cards.nth(1)).to_contain_text("25\N{EN DASH}34")
            await expect(cards.nth(2)).to_contain_text("not looking")
            await expect(said.locator("#checks .done")).to_have_count(6)
            await expect(said.locator("#zones polygon")).to_have_count(1)
            await stand(shop, see, {"box": (0.4, 0.3, 0.06, 0.1), "live": False})
            await expect(cards).to_have_count(1)
            await expect(cards.nth(0)).to_contain_text("Taken for a picture")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "position", [pytest.param("bottom-right", marks=pytest.mark.long), "top-left"]
)
def test_all_of_it_is_on_the_screen_beside_the_notice_in_letters_that_can_be_read(
    tmp_path, position
):
    async def scenario():
        player = {"notice": {"position": position, "languages": ["en", "de"]}}
        async with at_work(tmp_path, player=player) as (shop, see, page):
            await aim(shop, 300)
            people = [{**one, "live": n != 1} for n, one in enumerate(FAR_AND_WIDE)]
            for width, height in SIZES:
                await page.set_viewport_size({"width": width, "height": height})
                await stand(shop, see, *people)
                notice = await page.locator("#notice").bounding_box()
                frame = await page.locator("#aim iframe").bounding_box()
                assert (
                    frame["y"] + frame["height"] <= notice["y"] + 1
                    or frame["y"] >= notice["y"] + notice["height"] - 1
                )
                inner = next(one for one in page.frames if "/aim" in one.url)
                outside, smallest = await inner.evaluate(
                    """() => {
                      const all = [
                        ...document.querySelectorAll("h1, li, li *, .hint, .estimate *, #facts"),
                      ];
                      const seen = all.filter((e) => e.getClientRects().length);
                      const clips = (e) => e.closest("article") ?? document.documentElement;
                      const out = seen.filter((e) => {
                        const a = e.getBoundingClientRect();
                        const b = clips(e).getBoundingClientRect();
                        const beside = a.right > b.right + 1 || a.left < b.left - 1;
                        return beside || a.bottom > b.bottom + 1 || a.top < b.top - 1;
                      });
                      const sizes = seen.map((e) => parseFloat(getComputedStyle(e).fontSize));
                      return [out.map((e) => e.textContent), Math.min(...sizes)];
                    }"""
                )
                assert outside == []
                assert smallest >= LEAST_SHARE * min(frame["width"], frame["height"])

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "The camera gives no picture"),
        (
            {"vision": {"off_hours": [{"days": ["wed"], "begin": "11:00", "end": "13:00"}]}},
            "Off hours: the camera is closed",
        ),
    ],
    ids=["no picture", "off hours"],
)
def test_a_laptop_is_told_why_nobody_is_seen(tmp_path, changes, said):
    async def scenario():
        async with at_work(tmp_path, "/aim", **changes) as (shop, _, page):
            await expect(page.locator("#say")).to_contain_text("Nothing is shown now")
            await aim(shop, 300)
            await expect(page.locator("#say")).to_contain_text(said)
            await expect(page.locator("#side")).to_contain_text("As the camera sees it")

    asyncio.run(scenario())
