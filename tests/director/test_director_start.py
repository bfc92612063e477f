"""A director that starts when something it needs is not there."""

from __future__ import annotations

import asyncio

from tests.director.shop import look, opened, woman, write_campaign


def test_without_a_campaign_that_can_be_used_the_house_card_plays_until_there_is_one(
    tmp_path, caplog
):
    (tmp_path / "campaign.yaml").write_text("version: 1\n")

    async def scenario():
        async with opened(tmp_path) as shop:
            await shop.go(12)
            played = {row[0] for row in look(tmp_path, "SELECT creative FROM plays")}
            assert played == {"kiosk-welcome"}
            write_campaign(tmp_path)
            await shop.go_until(
                lambda: look(tmp_path, "SELECT 1 FROM plays WHERE campaign = 'spring'"),
                "the campaign plays",
            )

    asyncio.run(scenario())
    assert caplog.text.count("event=campaign_refused") == 1
    assert f"{tmp_path / 'campaign.yaml'}:1: name: this key is required" in caplog.text


def test_a_state_file_that_cannot_be_opened_keeps_no_screen_dark_and_loses_nothing(
    tmp_path, caplog
):
    disk = tmp_path / "disk"
    disk.write_text("in the place of a folder: nothing can be made here")

    async def scenario():
        async with (
            opened(tmp_path, state={"path": disk / "state.db"}) as shop,
            shop.vision() as see,
        ):
            for _ in range(20):
                await see(woman(shop))
                await shop.go(0.2)
            await see()
            await shop.go(6)
            assert sum(shop.director._reasons.values()) >= 3
            assert "event=state_write_failed" in caplog.text
            disk.unlink()
            await shop.until(lambda: shop.director._journal.opened, "the disk is back")
            await shop.written()
            await shop.go(2)

    asyncio.run(scenario())
    plays = look(disk, "SELECT count(*), count(duration_s) FROM plays")[0]
    assert plays[0] == plays[1] >= 4
    counts = dict(look(disk, "SELECT cell, count FROM open_hours"))
    assert (counts["passes"], counts["ots"]) == (1, 1)
