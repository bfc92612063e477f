"""A creative that failed on the screen, and a campaign that brings it with another medium."""

from __future__ import annotations

import asyncio
import json

from tests.director.shop import CAMPAIGN, opened, write_campaign


def test_it_may_play_again_as_soon_as_the_campaign_that_repairs_it_plays(tmp_path):
    (tmp_path / "whole.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    file = write_campaign(tmp_path)

    async def scenario():
        async with opened(tmp_path) as shop, shop.screen() as page:
            failed = await anything_fails(page)
            await shop.go_until(lambda: failed in left_out(shop), "it is left out")
            await campaign(shop, "unrepaired", CAMPAIGN)
            assert failed in left_out(shop)
            await campaign(shop, "repaired", CAMPAIGN.replace("tea.svg", "whole.svg"))
            assert failed not in left_out(shop)

    async def campaign(shop, name: str, text: str) -> None:
        file.write_text(text.format(name=name))
        await shop.go_until(lambda: shop.director._campaign.campaign.name == name, "it plays")

    asyncio.run(scenario())


async def anything_fails(page) -> str:
    said = {}
    while said.get("type") != "prepare":
        said = json.loads(await asyncio.wait_for(page.recv(), 10))
    failed = {"type": "failed", "play_id": said["play_id"], "error": "no decoder"}
    await page.send(json.dumps(failed))
    return said["creative"]["id"]


def left_out(shop) -> set[str]:
    return {one.creative for one in shop.director._schedule.left_out(shop.clock.monotonic())}
