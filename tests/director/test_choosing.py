"""What the director chooses: contracts over a restart, what is learned, a screen that goes on."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, closing
from datetime import timedelta

import pytest

from kiosk.ads import Rotation
from kiosk.clock import iso
from kiosk.state import Delivery, PlayBook, PlayStart, open_store, put_deliveries
from tests.director.shop import look, opened, outbox, woman, write_campaign
from tests.fakes import NOON, FakeClock

CONTRACTS = """version: 1
name: {name}
contracts:
  - {{id: beer, advertiser: brewer, category: drinks, goal: {{plays_per_hour: {plays}}}}}
  - {{id: voice, advertiser: baker, goal: {{share_of_voice: 0.3}}}}
creatives:
  - {{id: house, kind: image, file: tea.svg, duration_s: 2}}
  - {{id: by-beer, kind: image, file: tea.svg, duration_s: 2, contract: beer}}
  - {{id: by-voice, kind: image, file: tea.svg, duration_s: 2, contract: voice}}
"""


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr("kiosk.director.director.TICK_S", 0.001)
    monkeypatch.setattr("kiosk.director.director.HOUSEKEEPING_S", 0.02)
    monkeypatch.setattr("kiosk.director.journal.RETRY_S", 0.02)


def with_contracts(folder, name="spring", plays=360):
    (folder / "tea.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "campaign.yaml").write_text(CONTRACTS.format(name=name, plays=plays))


@asynccontextmanager
async def presented(shop):
    """A screen's page that shows whatever it is asked to, and says so."""
    async with shop.screen() as page:

        async def show():
            on_screen = None
            while True:
                message = json.loads(await page.recv())
                if message["type"] != "prepare":
                    continue
                current = shop.director._schedule.current
                while (
                    current is not None
                    and on_screen is not None
                    and (shop.director._schedule.elapsed_s(shop.clock.monotonic()) < 2.0)
                ):
                    await asyncio.sleep(0.002)
                if on_screen is not None:
                    await page.send(
                        json.dumps({"type": "ended", "play_id": on_screen, "shown_s": 2.0})
                    )
                on_screen = message["play_id"]
                await page.send(json.dumps({"type": "started", "play_id": on_screen}))

        task = asyncio.create_task(show())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def delivered(folder) -> dict[str, tuple]:
    rows = look(
        folder, "SELECT contract, sum(plays), sum(shown_s), sum(live_s) FROM deliveries GROUP BY 1"
    )
    return {row[0]: row[1:] for row in rows}


def test_contracts_are_delivered_and_what_was_given_outlives_a_restart(tmp_path):
    with_contracts(tmp_path)
    clock = FakeClock()

    async def scenario(plays):
        async with opened(tmp_path, clock) as shop, presented(shop):
            ledger = shop.director._choosing._ledger
            await shop.go_until(lambda: ledger.delivered("beer").plays >= plays, "beer has played")
            await shop.go(6)
            return ledger

    first = asyncio.run(scenario(2))
    before = delivered(tmp_path)
    assert before["beer"][0] >= 1
    assert before["voice"][2] >= 4
    assert before["beer"][0] == first.delivered("beer").plays
    second = asyncio.run(scenario(before["beer"][0] + 2))
    after = delivered(tmp_path)
    assert after["beer"][0] > before["beer"][0]
    assert after["beer"][0] == second.delivered("beer").plays
    counted = look(
        tmp_path,
        "SELECT contract, count(*), sum(completed) FROM plays WHERE presented = 1 GROUP BY 1",
    )
    assert {name: plays for name, _, plays in counted if name} == {
        name: row[0] for name, row in after.items()
    }


def test_without_a_screen_no_contract_is_delivered(tmp_path):
    with_contracts(tmp_path)

    async def scenario():
        async with opened(tmp_path) as shop:
            await shop.go(15)

    asyncio.run(scenario())
    assert delivered(tmp_path) == {}
    assert look(tmp_path, "SELECT count(*) FROM plays WHERE contract = 'beer'")[0][0] >= 1


def test_a_campaign_that_replaces_another_keeps_what_its_contracts_were_given(tmp_path):
    with_contracts(tmp_path)

    async def scenario():
        async with opened(tmp_path) as shop, presented(shop):
            ledger = shop.director._choosing._ledger
            await shop.go_until(lambda: ledger.delivered("voice").live_s > 4, "it is live")
            given = ledger.delivered("voice").live_s
            with_contracts(tmp_path, "summer")
            await shop.go_until(
                lambda: shop.director._campaign.campaign.name == "summer", "the new one plays"
            )
            await shop.go_until(lambda: ledger.delivered("voice").live_s > given, "it goes on")

    asyncio.run(scenario())


def test_a_state_file_that_opens_late_still_adds_to_what_was_before(tmp_path):
    with_contracts(tmp_path)
    clock = FakeClock()

    async def scenario(seconds, *, late):
        state = tmp_path / "state.db"
        hidden = tmp_path / "hidden.db"
        if late:
            state.rename(hidden)
            state.mkdir()
        async with opened(tmp_path, clock) as shop, presented(shop):
            await shop.go(seconds)
            if late:
                state.rmdir()
                hidden.rename(state)
                await shop.go(10)
                await shop.written()
            return shop.director._choosing._ledger.delivered("beer").plays

    asyncio.run(scenario(20, late=False))
    before = delivered(tmp_path)["beer"][0]
    total = asyncio.run(scenario(20, late=True))
    assert total > before
    assert delivered(tmp_path)["beer"][0] == total


@pytest.mark.parametrize("part", ["decide", "reward_of"])
def test_a_fault_in_choosing_is_told_once_and_something_for_everybody_plays_on(
    tmp_path, caplog, monkeypatch, part
):
    def fail(*_, **__):
        raise RuntimeError("a bug")

    monkeypatch.setattr(f"kiosk.director.choosing.{part}", fail)

    async def scenario():
        async with opened(tmp_path) as shop, presented(shop), shop.vision() as see:
            for _ in range(60):
                await see(woman(shop))
                await shop.go(0.2)
            assert sum(shop.director._reasons.values()) >= 5
            return dict(shop.director._reasons)

    reasons = asyncio.run(scenario())
    assert caplog.text.count("event=choice_failed") == 1
    if part == "decide":
        assert set(reasons) == {"rotation: fallback"}


def test_a_ranker_that_fails_gives_way_to_plain_rotation(tmp_path, caplog):
    class Broken(Rotation):
        def probabilities(self, *_):
            raise ValueError("no")

    async def scenario():
        async with opened(tmp_path) as shop:
            shop.director._choosing._ranker = Broken()
            await shop.go(10)
            assert shop.director._reasons["rotation: fallback"] >= 3

    asyncio.run(scenario())
    assert caplog.text.count("event=choice_failed part=choice") == 1
    told = "SELECT creative FROM plays WHERE reason LIKE '%fallback'"
    played = {row[0] for row in look(tmp_path, told)}
    assert played == {"tea", "cake"}


def test_when_nothing_of_the_campaign_can_be_shown_our_own_card_plays(tmp_path):
    # Also where one of its own creatives is called as anybody would call such a card.
    text = write_campaign(tmp_path).read_text()
    (tmp_path / "campaign.yaml").write_text(
        text.replace("id: tea", "id: welcome").replace("tea.svg", "welcome.svg")
    )
    (tmp_path / "tea.svg").rename(tmp_path / "welcome.svg")

    async def scenario():
        async with opened(tmp_path) as shop, presented(shop):
            await shop.go(3)
            (tmp_path / "welcome.svg").unlink()
            await shop.go_until(
                lambda: (
                    shop.director._schedule.presented
                    and shop.director._schedule.current.choice.campaign == "house"
                ),
                "our own card",
            )
            card = shop.director._schedule.current.choice.creative
            found = shop.director._media.find(card.id, card.path.name)
            medium = shop.director._media.open(found)
            assert medium is not None
            medium.close()

    asyncio.run(scenario())


CAPPED = """version: 1
name: capped
creatives:
  - {id: house, kind: image, file: tea.svg, duration_s: 2}
  - {id: seldom, kind: image, file: tea.svg, duration_s: 2, frequency: {max_per_hour: 4}}
"""


@pytest.mark.parametrize("wall", [None, NOON - timedelta(days=400)], ids=["known", "behind"])
def test_a_clock_that_is_behind_at_the_start_takes_no_old_play_for_a_new_one(tmp_path, wall):
    (tmp_path / "tea.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "campaign.yaml").write_text(CAPPED)
    clock = FakeClock(wall=NOON)
    with closing(open_store(tmp_path / "state.db", clock)) as store:
        for number in range(4):
            at = iso(NOON + timedelta(minutes=number))
            PlayBook(store).start(
                PlayStart(f"s{number}", "seldom", "capped", "rotation: x", "", at, True)
            )
        at = iso(NOON + timedelta(hours=2))
        PlayBook(store).start(PlayStart("h", "house", "capped", "rotation: x", "", at, True))
    clock.restart("boot-2", wall=wall or NOON + timedelta(hours=2, minutes=1))

    async def scenario():
        async with opened(tmp_path, clock) as shop:
            await shop.go(10)

    asyncio.run(scenario())
    told = "SELECT creative FROM plays WHERE play_id NOT IN ('s0', 's1', 's2', 's3', 'h')"
    assert ("seldom",) in look(tmp_path, told), "its four plays lie two hours back"


def test_what_a_contract_was_given_outlives_a_boot_with_a_clock_that_ran_ahead(tmp_path):
    flight = "goal: {{plays: 900}}, flight: {{from: 2026-01-01, to: 2026-12-31}}"
    text = CONTRACTS.replace("goal: {{plays_per_hour: {plays}}}", flight)
    (tmp_path / "tea.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "campaign.yaml").write_text(text.format(name="spring"))
    clock = FakeClock(wall=NOON)
    with closing(open_store(tmp_path / "state.db", clock)) as store:
        put_deliveries(store, [Delivery("beer", NOON.strftime("%Y-%m-%dT12+0000"), 7, 14.0)])

    async def scenario():
        async with opened(tmp_path, clock) as shop:
            await shop.go(5)
            await shop.written()

    for wall in (NOON + timedelta(days=800), NOON):
        clock.restart(f"boot-{wall}", wall=wall)
        asyncio.run(scenario())
    assert delivered(tmp_path)["beer"][0] == 7
    assert len(look(tmp_path, "SELECT 1 FROM deliveries WHERE length(period) > 10")) >= 1, (
        "the hour is still told apart from others of its day"
    )


def test_what_was_faced_is_added_up_and_learned_and_the_audience_is_never_written(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop, presented(shop), shop.vision() as see:
            for _ in range(110):
                await see(woman(shop, looking=True), woman(shop, "other", looking=False))
                await shop.go(0.1)
            await shop.written()
            return shop.director._choosing._learned

    assert asyncio.run(scenario()), "something was learned"
    rows = look(
        tmp_path,
        "SELECT attention_s, duration_s, propensity, decision FROM plays"
        " WHERE completed = 1 AND presented = 1",
    )
    assert len(rows) >= 3
    assert [row[0] for row in rows[1:-1]] == [2.0] * len(rows[1:-1]), "one of two, whole seconds"
    for _, _, propensity, decision in rows:
        assert 0 < propensity <= 1
        told = json.loads(decision)
        assert {row["id"] for row in told["in"]} | {
            name for names in told["out"].values() for name in names
        } == {"tea", "cake", "scarf"}
    everything = (tmp_path / "state.db").read_bytes()
    for word in (b"25-34", b"happy", b"viewers"):
        assert word not in everything.replace(b"age_gender/25-34", b"").replace(b"mood/happy", b"")
    text = " ".join(row[0] for row in look(tmp_path, "SELECT CAST(payload AS TEXT) FROM outbox"))
    for kept in ("propensity", "score", 'attention_s":2', "decision"):
        assert kept not in text


def test_a_vision_that_falls_silent_leaves_attention_unknown(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop, presented(shop), shop.vision() as see:
            await see(woman(shop, looking=True))
            await shop.go(10)

    asyncio.run(scenario())
    assert look(tmp_path, "SELECT DISTINCT attention_s FROM plays") == [(None,)]


def test_what_was_learned_comes_back_and_a_damaged_model_begins_anew(tmp_path, caplog):
    pytest.importorskip("vowpalwabbit")
    clock = FakeClock()

    async def scenario(learn):
        async with opened(tmp_path, clock) as shop, presented(shop), shop.vision() as see:
            for _ in range(80 if learn else 1):
                await see(woman(shop, looking=True))
                await shop.go(0.1)
            return shop.director._choosing._ranker.plays

    learned = asyncio.run(scenario(True))
    assert learned >= 2
    assert asyncio.run(scenario(False)) >= learned
    assert "event=learner_reset" not in caplog.text
    look(tmp_path, "UPDATE learner SET model = x'00'")
    assert asyncio.run(scenario(False)) < learned
    assert caplog.text.count("event=learner_reset") == 1
    assert look(tmp_path, "SELECT count(*) FROM learner WHERE model = x'00'") == [(0,)]
    asyncio.run(scenario(False))
    assert caplog.text.count("event=learner_reset") == 1, "what is of no use is kept no longer"


def test_a_clock_that_steps_over_midnight_delays_no_play(tmp_path):
    with_contracts(tmp_path)
    clock = FakeClock(wall=NOON)

    async def scenario():
        async with opened(tmp_path, clock) as shop, presented(shop):
            await shop.go(8)
            for step in (timedelta(days=1), timedelta(days=-2), timedelta(hours=3)):
                clock.set_wall(clock.utc() + step)
                before = sum(shop.director._reasons.values())
                await shop.go(8)
                assert sum(shop.director._reasons.values()) - before >= 2

    asyncio.run(scenario())
    assert outbox(tmp_path, "plays")


def test_the_demo_campaign_and_one_without_contracts_play_as_before(tmp_path):
    write_campaign(tmp_path)

    async def scenario():
        without = {"learner": {"enabled": False}, "control_share": 0}
        async with opened(tmp_path, ads=without) as shop, shop.vision() as see:
            for _ in range(30):
                await see(woman(shop))
                await shop.go(0.2)
            assert shop.director._reasons["targeted: gender=female"] >= 1
            assert shop.director._reasons["rotation: variety"] >= 1

    asyncio.run(scenario())
