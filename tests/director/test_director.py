"""The director: plays, counts and survives."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from kiosk.errors import PortInUseError, StateError
from tests.director.shop import look, opened, outbox, woman, write_campaign
from tests.fakes import NOON, FakeClock, viewer


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr("kiosk.director.director.TICK_S", 0.001)
    monkeypatch.setattr("kiosk.director.director.HOUSEKEEPING_S", 0.02)
    monkeypatch.setattr("kiosk.director.journal.RETRY_S", 0.02)


def test_without_a_screen_plays_go_on_are_proved_once_and_not_presented(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop:
            await shop.go(25)

    asyncio.run(scenario())
    sent = [play for batch in outbox(tmp_path, "plays") for play in batch["plays"]]
    assert len(sent) == look(tmp_path, "SELECT count(*) FROM plays")[0][0] >= 12
    assert len({play["play_id"] for play in sent}) == len(sent)
    assert not any(play["presented"] for play in sent)
    assert [play["completed"] for play in sent] == [True] * (len(sent) - 1) + [False]
    assert {play["campaign"] for play in sent} == {"spring"}
    assert len(outbox(tmp_path, "plays")) >= 3


def test_a_screen_that_confirms_makes_a_play_presented(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop, shop.screen() as page:
            for _ in range(3):
                message = json.loads(await asyncio.wait_for(page.recv(), 5))
                if message["type"] == "prepare":
                    break
            await page.send(json.dumps({"type": "started", "play_id": message["play_id"]}))
            await shop.until(lambda: shop.director._schedule.presented, "presented")
            await shop.go(2)
            await page.send(
                json.dumps({"type": "ended", "play_id": message["play_id"], "shown_s": 1.9})
            )
            await shop.until(lambda: not shop.director._schedule.presented, "ended")
            return message["play_id"]

    play_id = asyncio.run(scenario())
    [play] = [
        play
        for batch in outbox(tmp_path, "plays")
        for play in batch["plays"]
        if play["play_id"] == play_id
    ]
    assert (play["presented"], play["completed"], play["duration_s"]) == (True, True, 1.9)


def test_who_is_in_view_decides_until_vision_falls_silent(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop, shop.vision() as see:
            # Long enough that no luck of the draw leaves her own advert out.
            for _ in range(200):
                await see(woman(shop))
                await shop.go(0.2)
            reasons = shop.director._reasons
            assert reasons["targeted: gender=female"] >= 1
            assert reasons["rotation: variety"] >= 1
            targeted = reasons["targeted: gender=female"]
            await shop.go(shop.settings.audience.stale_s + 2 + 1)
            silent_from = reasons["targeted: gender=female"]
            await shop.go(8)
            assert reasons["targeted: gender=female"] == silent_from <= targeted + 1
            assert reasons["rotation: vision stale"] >= 3

    asyncio.run(scenario())
    text = " ".join(row[0] for row in look(tmp_path, "SELECT CAST(payload AS TEXT) FROM outbox"))
    assert "scarf" in text
    for kept in ("targeted", "rotation", "variety", "female=", "reason", "explanation"):
        assert kept not in text
    assert look(tmp_path, "SELECT count(*) FROM plays WHERE reason LIKE 'targeted%'")[0][0] >= 1


def test_a_minor_in_view_is_not_targeted_from_the_first_record_on(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop, shop.vision() as see:
            for _ in range(30):
                await see(woman(shop), woman(shop, "child", 0.0, minor_possible=True))
                await shop.go(0.2)
            assert not any(reason.startswith("targeted") for reason in shop.director._reasons)

    asyncio.run(scenario())


def test_a_bad_campaign_is_told_once_and_the_last_good_one_plays_on(tmp_path, caplog):
    async def scenario():
        async with opened(tmp_path) as shop:
            path = shop.settings.ads.campaign
            good = path.read_text()
            path.write_text(good.replace("tea.svg", "later.svg").replace("spring", "summer"))
            await shop.go_until(lambda: "event=campaign_refused" in caplog.text, "it is refused")
            await shop.go(8)
            assert caplog.text.count("event=campaign_refused") == 1
            assert shop.director._campaign.campaign.name == "spring"
            before = sum(shop.director._reasons.values())
            await shop.go(5)
            assert sum(shop.director._reasons.values()) > before
            (tmp_path / "later.svg").write_text("<svg/>")
            await shop.go_until(
                lambda: shop.director._campaign.campaign.name == "summer",
                "the medium came after the file, and somebody looked",
            )
            path.write_text("")
            await shop.go(5)
            path.unlink()
            await shop.go(5)
            assert shop.director._campaign.campaign.name == "summer"

    asyncio.run(scenario())


def test_a_play_belongs_to_the_campaign_that_it_was_chosen_from(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop, shop.screen() as page:
            message = {}
            while message.get("type") != "prepare":
                message = json.loads(await asyncio.wait_for(page.recv(), 5))
            write_campaign(tmp_path, "summer")
            await shop.go_until(
                lambda: shop.director._campaign.campaign.name == "summer", "the new one plays"
            )
            await page.send(json.dumps({"type": "started", "play_id": message["play_id"]}))
            await shop.until(lambda: shop.director._schedule.presented, "presented")
            sql = f"SELECT campaign FROM plays WHERE play_id = '{message['play_id']}'"
            assert await shop.ask(sql) == [("spring",)]

    asyncio.run(scenario())


def test_a_full_disk_stops_no_play_and_costs_none(tmp_path, caplog):
    caplog.set_level("INFO")

    async def scenario():
        async with opened(tmp_path) as shop:
            journal = shop.director._journal
            await shop.written()

            def limit(store):
                # No page may be added, and none of those that are there is free.
                store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                count = store.db.execute("PRAGMA page_count").fetchone()[0]
                store.db.execute(f"PRAGMA max_page_count = {count}")

            await journal.read(limit)
            for _ in range(150):
                await shop.go(4)
                if journal.failing:
                    break
            assert journal.failing
            before = sum(shop.director._reasons.values())
            await shop.go(60)
            assert sum(shop.director._reasons.values()) - before >= 25, "it plays on"
            assert len(journal._waiting) < 120, "what supersedes does not pile up"
            await journal.read(lambda store: store.db.execute("PRAGMA max_page_count = 100000"))
            await shop.written()
            assert not journal.failing
            return sum(shop.director._reasons.values())

    begun = asyncio.run(scenario())
    assert caplog.text.count("event=state_write_failed") >= 1
    assert "event=state_write_recovered" in caplog.text
    sent = [play["play_id"] for batch in outbox(tmp_path, "plays") for play in batch["plays"]]
    assert len(set(sent)) == len(sent)
    assert begun <= len(sent) <= begun + 1


def test_an_hour_is_published_once_with_zeros_or_with_counts(tmp_path):
    async def scenario():
        clock = FakeClock(wall=NOON + timedelta(minutes=59))
        async with opened(tmp_path, clock) as shop:
            async with shop.vision() as see:
                await see(woman(shop, since_s=5))
                await shop.go(0.4)
                await see()
            clock.advance(3600)
            await shop.go(1)
            clock.advance(3600)
            await shop.go(1)
            clock.set_wall(NOON)
            await shop.go(5)
            await shop.until(lambda: len(hours_of(shop)) == 2, "both hours are published")

    def hours_of(shop):
        return shop.director._counted._hours._published

    asyncio.run(scenario())
    hours = outbox(tmp_path, "hours")
    assert [(one["hour"], one["tables"]["ots"]) for one in hours] == [
        ("2026-03-04T12:00:00Z", 1),
        ("2026-03-04T13:00:00Z", 0),
    ]
    assert hours[0]["tables"]["age_gender"]["25-34"]["female"] == 1
    assert look(tmp_path, "SELECT DISTINCT hour FROM open_hours") == [("2026-03-04T14:00:00Z",)]


def ots(folder) -> int:
    open_hours = look(folder, "SELECT sum(count) FROM open_hours WHERE cell = 'ots'")[0][0] or 0
    return open_hours + sum(one["tables"]["ots"] for one in outbox(folder, "hours"))


def test_whoever_is_in_view_over_a_restart_is_counted_once(tmp_path):
    clock = FakeClock()

    async def scenario(stays: bool, first_s: float):
        async with opened(tmp_path, clock) as shop, shop.vision(leaves=False) as see:
            for _ in range(5):
                there = [viewer("w", first_s, clock.seconds)] if stays else []
                await see(*there)
                await shop.go(0.2)

    first_s = clock.seconds - 3
    for _ in range(3):
        asyncio.run(scenario(True, first_s))
        clock.advance(1)
    asyncio.run(scenario(False, first_s))
    assert ots(tmp_path) == 1


def test_a_vision_that_dies_and_comes_back_brings_new_passes(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop:
            for name in ("a", "b"):
                async with shop.vision() as see:
                    await see(woman(shop, name))
                    await shop.go(1)
                    await see(woman(shop, name))
            assert shop.director._counted.passes == 2

    asyncio.run(scenario())
    assert ots(tmp_path) == 2


def test_the_open_hour_leaves_at_the_stop_if_that_is_wished(tmp_path):
    clock = FakeClock()

    async def scenario(wished: bool):
        clock.advance(10)
        audience = {"publish_open_hour_on_stop": wished, "socket": tmp_path / "a"}
        async with opened(tmp_path, clock, audience=audience) as shop, shop.vision() as see:
            await see(woman(shop))
            await shop.go(1)

    asyncio.run(scenario(False))
    assert outbox(tmp_path, "hours") == []
    asyncio.run(scenario(True))
    assert [one["tables"]["ots"] for one in outbox(tmp_path, "hours")] == [2]
    asyncio.run(scenario(True))
    assert [one["tables"]["ots"] for one in outbox(tmp_path, "hours")] == [2, 1]


@pytest.mark.parametrize("same", ["state", "port"])
def test_a_second_director_is_refused_and_takes_nothing_from_the_first(tmp_path, same):
    async def scenario():
        async with opened(tmp_path) as shop:
            await shop.go(1)
            playing = shop.director._schedule.current
            assert playing is not None
            other = tmp_path / "other"
            other.mkdir()
            write_campaign(other)
            if same == "state":
                changes = {"state": {"path": shop.settings.state.path}}
            else:
                changes = {"player": {"port": shop.director._web.port}}
            changes["audience"] = {
                "socket": shop.settings.audience.socket,
                "publish_open_hour_on_stop": True,
            }
            error = StateError if same == "state" else PortInUseError
            with pytest.raises(error, match=r"another director holds it|in use"):
                async with opened(other, **changes):
                    pass
            await shop.written()
            [row] = await shop.ask(
                f"SELECT duration_s FROM plays WHERE play_id = '{playing.play_id}'"
            )
            assert row == (None,)
            async with shop.vision() as see:
                await see(woman(shop))

    asyncio.run(scenario())
    assert outbox(tmp_path, "hours") == []


def test_a_duty_that_fails_is_told_once_and_the_screen_goes_on(tmp_path, caplog, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("a bug")

    async def scenario():
        async with opened(tmp_path) as shop:
            monkeypatch.setattr(shop.director._counting, "tick", fail)
            monkeypatch.setattr(shop.director._campaign, "_look", fail)
            await shop.go(8)
            assert sum(shop.director._reasons.values()) >= 4
            assert not shop.director._web.failed

    monkeypatch.setattr("kiosk.director.counting.Counting.tick", fail)
    asyncio.run(scenario())
    assert caplog.text.count("event=director_fault duty=_count") == 1
    assert caplog.text.count("event=director_fault duty=aside") == 1


def test_a_slow_disk_delays_no_play(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop:
            await shop.go(1)
            release = asyncio.Event()
            loop = asyncio.get_running_loop()

            def hang(store):
                asyncio.run_coroutine_threadsafe(release.wait(), loop).result()

            shop.director._journal.write(hang)
            before = sum(shop.director._reasons.values())
            await shop.go(10)
            assert sum(shop.director._reasons.values()) - before >= 4
            release.set()
            await shop.written()

    asyncio.run(scenario())


def test_the_health_says_what_vision_and_screens_do_and_when_it_stopped(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop, shop.vision() as see, shop.screen() as page:
            await see(woman(shop))
            await page.recv()
            await shop.until(lambda: shop.director._screens.count == 1, "the screen is there")
            shop.clock.advance(11)
            await see(woman(shop))
            await shop.go(0.5)
            [(said,)] = await shop.ask("SELECT data FROM health WHERE part = 'director'")
            return json.loads(said)

    said = asyncio.run(scenario())
    assert said["vision"]["accelerator"] == "CPU"
    assert said["screens"] == 1
    assert said["stopped_s"] is None
    [(last,)] = look(tmp_path, "SELECT data FROM health WHERE part = 'director'")
    assert json.loads(last)["stopped_s"] > 1000
    assert "passes" not in json.loads(last), "exact counts do not outlive their hour"


def test_the_operator_sees_a_snapshot_that_is_json_and_names_no_folder(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop, shop.vision() as see:
            await see(woman(shop))
            await shop.go(2.5)
            await see(woman(shop))
            text = json.dumps(shop.director._snapshot_maker().operator(), allow_nan=False)
            assert str(tmp_path) not in text
            seen = json.loads(text)
            assert seen["viewers"][0]["gender"] == "female"
            assert seen["play"]["reason"]
            assert sum(seen["counts"]["plays_by_reason"].values()) >= 1
            assert seen["vision"]["state"] == "live"

    asyncio.run(scenario())


def test_no_creative_earns_attention_that_no_screen_has_shown(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop, shop.vision() as see:
            for _ in range(20):
                await see(woman(shop, looking=True))
                await shop.go(0.2)

    asyncio.run(scenario())
    counts = dict(look(tmp_path, "SELECT cell, count FROM open_hours"))
    assert counts["watchers"] == 1
    assert not [c for c, count in counts.items() if c.startswith("creative/") and count]
    assert "creative/tea/plays" in counts, "what might be played says nothing of who was there"
