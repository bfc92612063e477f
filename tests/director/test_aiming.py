"""While the camera is aimed: what the page is told, and that nothing under it counts as shown."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.director.shop import opened, woman

ZONE = {"name": "mirror", "polygon": [(0, 0), (0.2, 0), (0.2, 1)]}


async def ask(shop, seconds, **options) -> httpx.Response:
    url = f"http://127.0.0.1:{shop.director._web.port}/aim?seconds={seconds}"
    async with httpx.AsyncClient() as client:
        return await client.post(url, **options)


async def figures(shop) -> dict:
    async with connect(f"ws://127.0.0.1:{shop.director._web.port}/aim/ws") as page:
        return json.loads(await asyncio.wait_for(page.recv(), 5))


async def hear(page, kind: str) -> dict:
    while True:
        said = json.loads(await asyncio.wait_for(page.recv(), 5))
        if said["type"] == kind:
            return said


async def say(page, kind: str, play: dict, **more) -> None:
    await page.send(json.dumps({"type": kind, "play_id": play["play_id"], **more}))


def test_no_play_is_presented_and_nobody_counted_until_it_has_gone(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop, shop.screen() as page, shop.vision() as see:
            schedule, counting = shop.director._schedule, shop.director._counting
            first = await hear(page, "prepare")
            await say(page, "started", first)
            await shop.until(lambda: schedule.presented, "it is on screen")
            await shop.go(1.2)
            second = await hear(page, "prepare")
            assert (await ask(shop, 60)).json() == {"seconds": 60.0, "screens": 1}
            assert (await hear(page, "aim"))["seconds"] == 60
            assert not schedule.presented
            # The page plays on underneath, and says so.
            await say(page, "started", second)
            await say(page, "ended", first, shown_s=2)
            for _ in range(6):
                await see(woman(shop))
                await shop.go(2)
                assert not schedule.presented
            assert counting.passes == 0
            assert shop.director._screens.aiming
            await shop.go_until(lambda: not shop.director._screens.aiming, "it ends by itself")
            assert (await hear(page, "aim"))["seconds"] == 0
            after = await hear(page, "prepare")
            await say(page, "started", after)
            await shop.until(lambda: schedule.presented, "plays are presented again")
            sql = "SELECT play_id, presented, duration_s, completed FROM plays ORDER BY rowid"
            rows = {row[0]: row[1:] for row in await shop.ask(sql)}
            presented, duration_s, completed = rows.pop(first["play_id"])
            assert (presented, completed) == (1, 0), "it was covered before its end"
            assert 1 <= duration_s < 2
            assert rows.pop(after["play_id"])[0] == 1
            assert len(rows) > 10
            assert not any(row[0] for row in rows.values())
            assert second["play_id"] not in rows

    asyncio.run(scenario())


def test_whoever_was_there_before_has_passed_and_a_page_that_comes_meanwhile_is_covered(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop, shop.vision() as see:
            schedule, counting = shop.director._schedule, shop.director._counting
            await see(woman(shop))
            await shop.go(1)
            await see(woman(shop, since_s=3))
            await ask(shop, 60)
            await shop.go(0.5)
            await see(woman(shop, since_s=3.5))
            assert counting.passes == 1
            async with shop.screen() as page:
                assert (await hear(page, "aim"))["seconds"] > 50
                await shop.go(5)
                assert not schedule.presented
            await shop.until(lambda: not shop.director._screens.count, "the page is gone")
            async with shop.screen() as page:
                await hear(page, "aim")
                assert (await ask(shop, 0)).status_code == 200
                await say(page, "started", await hear(page, "prepare"))
                await shop.until(lambda: schedule.presented, "it is on screen")
            async with shop.screen() as page:
                assert (await hear(page, "hello"))["type"] == "hello"
                assert (await hear(page, "prepare"))["play_id"], "no aiming page any more"

    asyncio.run(scenario())


def test_the_page_is_told_of_every_face_only_while_it_is_asked_for(tmp_path):
    async def scenario():
        zones = {"ignore": [ZONE]}
        async with opened(tmp_path, vision={"zones": zones}) as shop, shop.vision() as see:
            near = woman(shop, "near", box=(0.4, 0.3, 0.05, 0.1))
            far = woman(shop, "far", box=(0.6, 0.3, 0.022, 0.05), looking=False)
            dim = woman(shop, "dim", box=(0.7, 0.3, 0.023, 0.05), since_s=0.0)
            poster = woman(shop, "poster", box=(0.92, 0.3, 0.08, 0.2), live=False)
            await see(near, far, dim, poster)
            assert await figures(shop) == {"aiming": False}
            await ask(shop, 60)
            said = await figures(shop)
            assert said["aiming"]
            assert 50 < said["left_s"] <= 60
            assert (said["vision"], said["dark"], said["rest"]) == ("live", False, "")
            assert said["zones"] == [{"name": "mirror", "polygon": [[0, 0], [0.2, 0], [0.2, 1]]}]
            # By 70 degrees of 1280 pixels, as docs/install.md has it.
            assert said["camera"]["farthest_m"] == 5.3
            by_name = {face["id"]: face for face in said["faces"]}
            assert by_name.keys() == {"near", "far", "dim", "poster"}
            assert (by_name["near"]["distance_m"], by_name["near"]["width_px"]) == (2.0, 64)
            assert by_name["near"]["hints"] == []
            assert by_name["far"]["hints"] == ["limit"]
            assert by_name["far"]["distance_m"] == 4.5
            assert by_name["dim"]["hints"] == ["limit"]
            assert by_name["poster"]["hints"] == ["picture", "edge"]
            await ask(shop, 0)
            assert await figures(shop) == {"aiming": False}
            await ask(shop, 60)
            await shop.go(5)
            said = await figures(shop)
            assert (said["vision"], said["faces"], said["fps"]) == ("stale", [], None)

    asyncio.run(scenario())


def test_the_largest_distance_and_eyes_that_are_too_near_together_are_told(tmp_path):
    async def scenario():
        vision = {"zones": {"max_distance_m": 4}, "detection": {"min_face_px": 16}}
        async with opened(tmp_path, vision=vision) as shop, shop.vision() as see:
            await see(woman(shop, box=(0.4, 0.3, 0.022, 0.05)))
            await ask(shop, 60)
            said = await figures(shop)
            assert said["camera"]["farthest_m"] == 4
            assert said["faces"][0]["hints"] == ["small"]

    asyncio.run(scenario())


@pytest.mark.parametrize("seconds", ["1801", "-1", "nan", "inf", "soon", ""])
def test_a_wrong_time_is_refused(tmp_path, seconds):
    async def scenario():
        async with opened(tmp_path) as shop:
            answer = await ask(shop, seconds)
            assert answer.status_code == 400
            assert answer.json() == {"error": "seconds: a number from 0 to 1800 is expected"}
            assert not shop.director._screens.aiming

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "header",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"host": "evil.example"}],
    ids=["another site's page", "a creative's sandbox", "a name that was rebound"],
)
def test_a_page_from_elsewhere_may_not_ask(tmp_path, header):
    async def scenario():
        async with opened(tmp_path) as shop:
            assert (await ask(shop, 60, headers=header)).status_code in (400, 403)
            assert not shop.director._screens.aiming

    asyncio.run(scenario())
