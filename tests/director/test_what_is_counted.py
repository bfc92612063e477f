"""What goes into an hour, and what does not: staff hours, plays, the notice, an unknown time."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

from kiosk.clock import iso
from tests.director.shop import look, opened, outbox, woman
from tests.fakes import NOON, FakeClock

EPOCH_1970 = datetime(1970, 1, 1, tzinfo=UTC)


def counts(folder) -> dict[str, int]:
    return dict(look(folder, "SELECT cell, sum(count) FROM open_hours GROUP BY cell"))


async def somebody_passes(shop, see) -> None:
    await see(woman(shop, since_s=5))
    await shop.go(0.4)
    await see()
    await shop.go(0.2)


def test_in_staff_hours_nobody_is_counted_and_plays_go_on(tmp_path):
    # 12:00 UTC is one in the afternoon in Berlin.
    windows = [{"days": ["wed"], "begin": "12:30", "end": "13:30"}]
    changes = {"device": {"timezone": "Europe/Berlin"}, "audience": {"staff_hours": windows}}
    changes["audience"]["socket"] = tmp_path / "a"

    async def scenario():
        clock = FakeClock()
        async with opened(tmp_path, clock, **changes) as shop, shop.vision() as see:
            await somebody_passes(shop, see)
            assert shop.director._counted.passes == 0
            assert shop.director._audience().state == "live"
            clock.advance(1800)
            await shop.go(1.2)
            await somebody_passes(shop, see)
            assert shop.director._counted.passes == 1
            assert sum(shop.director._reasons.values()) >= 1

    asyncio.run(scenario())
    assert counts(tmp_path)["ots"] == 1


def test_counts_wait_for_the_time_over_a_restart_and_a_reboot(tmp_path):
    clock = FakeClock(EPOCH_1970, 100.0, synchronised=False)

    async def scenario():
        async with opened(tmp_path, clock) as shop, shop.vision() as see:
            await shop.go(1.2)
            await somebody_passes(shop, see)
            assert not shop.director._snapshot_maker().operator()["clock_known"]

    asyncio.run(scenario())
    clock.advance(1200)
    asyncio.run(scenario())
    assert outbox(tmp_path, "hours") == []
    assert counts(tmp_path)["ots"] == 2
    # A power cut; the next run of the machine knows the time at once.
    clock.restart("boot-2", wall=NOON + timedelta(hours=6))
    clock.synchronised = True

    async def later():
        async with opened(tmp_path, clock) as shop:
            await shop.go(3)
            rows = "SELECT count(*) FROM published_hours"
            for _ in range(50):
                if await shop.ask(rows) == [(1,)]:
                    return
                await shop.go(0.5)

    asyncio.run(later())
    [hour] = outbox(tmp_path, "hours")
    assert hour["tables"]["ots"] == 2
    assert hour["hour"] is None
    assert hour["between"] == {
        "not_before": None,
        "not_after": iso(NOON + timedelta(hours=6) - timedelta(seconds=5)),
    }


def test_a_clock_that_is_set_while_we_count_puts_the_counts_into_their_hour(tmp_path):
    clock = FakeClock(EPOCH_1970, 100.0, synchronised=False)

    async def scenario():
        async with opened(tmp_path, clock) as shop, shop.vision() as see:
            await shop.go(1.2)
            await somebody_passes(shop, see)
            clock.advance(3600)
            clock.wall, clock.synchronised = NOON + timedelta(hours=1, minutes=30), True
            await shop.go(2)
            rows = "SELECT hour FROM published_hours"
            for _ in range(50):
                if await shop.ask(rows):
                    return
                await shop.go(0.5)

    asyncio.run(scenario())
    [hour] = outbox(tmp_path, "hours")
    assert (hour["hour"], hour["tables"]["ots"]) == (iso(NOON), 1)
    assert not look(tmp_path, "SELECT 1 FROM open_hours WHERE hour LIKE 'boot/%'")


def test_presented_plays_and_the_time_of_the_notice_stand_in_the_hour(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop:
            async with shop.screen() as page:
                await page.send(json.dumps({"type": "hello"}))
                shop.director.notice_shown(True)
                prepared = None
                while prepared is None:
                    message = json.loads(await page.recv())
                    prepared = message if message["type"] == "prepare" else None
                await page.send(json.dumps({"type": "started", "play_id": prepared["play_id"]}))
                await shop.until(lambda: shop.director._schedule.presented, "a play is presented")
                await shop.go(4)
            return prepared["creative"]["id"]

    shown = asyncio.run(scenario())
    found = counts(tmp_path)
    assert found[f"creative/{shown}/plays"] == found["plays"] == 1
    assert 2 <= found["notice_s"] <= 5


def test_no_two_checkpoints_of_an_hour_can_be_compared(tmp_path):
    async def scenario():
        left = []
        async with opened(tmp_path) as shop, shop.vision() as see:
            for number in range(4):
                await see(woman(shop, f"w{number}", since_s=5))
                await shop.go(0.4)
                await see()
                await shop.go(10)
                await shop.written()
                left.append((tmp_path / "state.db-wal").read_bytes().count(b"group_size/1"))
        return left

    assert max(asyncio.run(scenario())) <= 1


def test_the_operator_is_told_why_nobody_is_counted(tmp_path):
    windows = [{"begin": "00:00", "end": "23:00"}]

    async def scenario(**changes):
        async with opened(tmp_path, **changes) as shop:
            return shop.director._snapshot_maker().operator()["rest"]

    audience = {"socket": tmp_path / "a", "staff_hours": windows}
    assert asyncio.run(scenario()) == ""
    assert asyncio.run(scenario(audience=audience)) == "staff hours"
    assert asyncio.run(scenario(audience=audience, vision={"off_hours": windows})) == "off hours"


def test_noise_that_is_off_is_told_at_the_start(tmp_path, caplog):
    async def scenario(**changes):
        async with opened(tmp_path, **changes):
            pass

    asyncio.run(scenario(privacy={"noise": "discrete-laplace"}))
    assert "event=noise_off" not in caplog.text
    asyncio.run(scenario())
    assert caplog.text.count("event=noise_off") == 1
