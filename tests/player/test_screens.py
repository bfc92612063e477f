"""What is said between the director and its pages, over real WebSockets."""

from __future__ import annotations

import asyncio

import pytest
import websockets

from kiosk.config import NoticeSettings
from kiosk.player.screens import MAX_PAGES
from tests.player.pages import Site, heard, serving, until


def test_a_screen_is_greeted_and_told_what_comes_and_is_believed(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site:
            async with site.ws() as page:
                hello, prepare = await heard(page), await heard(page)
                assert (hello["type"], hello["primary"]) == ("hello", True)
                assert [one["id"] for one in hello["rotation"]] == ["tea", "film", "page"]
                assert hello["notice"]["show"] is True
                assert (prepare["type"], prepare["play_id"]) == ("prepare", "play-1")
                assert prepare["creative"]["url"].startswith("/media/tea/tea.svg?v=")
                await page.send('{"type": "started", "play_id": "play-1"}')
                await page.send('{"type": "ended", "play_id": "play-1", "shown_s": 4.5}')
                await page.send('{"type": "failed", "play_id": "p2", "error": "no\\ncodec"}')
                await until(lambda: len(site.said) == 4, "what the page said")
            await until(lambda: len(site.said) == 5, "the page has gone")
            assert site.said == [
                ("connected",),
                ("started", "play-1"),
                ("ended", "play-1", 4.5),
                ("failed", "p2", "no codec"),
                ("lost",),
            ]

    asyncio.run(scenario())


def test_the_shop_s_own_display_is_believed_whoever_was_there_before(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site:
            tab = await site.ws()
            assert [(await heard(tab))["type"] for _ in range(2)] == ["hello", "prepare"]
            await tab.send('{"type": "beat"}')
            await until(lambda: site.screens.beat_age_s is not None, "the tab's sign of life")
            assert site.screens.main is False
            async with site.ws("/screen/ws?main") as display:
                assert (await heard(display))["primary"] is True
                assert (await heard(tab))["primary"] is False
                assert site.screens.main is True
                assert site.screens.beat_age_s is None
                await tab.send('{"type": "beat"}')
                await display.send('{"type": "started", "play_id": "play-2"}')
                await until(lambda: site.said[-1] == ("started", "play-2"), "it is believed")
                assert site.screens.beat_age_s is None
            await until(lambda: site.screens.main is False, "the display has gone")
            assert site.said[:3] == [("connected",), ("lost",), ("connected",)]
            await tab.close()

    asyncio.run(scenario())


def test_a_second_screen_mirrors_the_first_and_takes_over_when_it_leaves(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site:
            first = await site.ws()
            assert [(await heard(first))["type"] for _ in range(2)] == ["hello", "prepare"]
            async with site.ws() as second:
                assert (await heard(second))["primary"] is False
                assert (await heard(second))["play_id"] == "play-1"
                await second.send('{"type": "started", "play_id": "play-1"}')
                site.screens.prepare(site.play("play-x"))
                assert (await heard(first))["play_id"] == "play-x"
                assert (await heard(second))["play_id"] == "play-x"
                await first.close()
                assert (await heard(second))["primary"] is True
                assert (await heard(second))["type"] == "prepare"
                assert site.said == [("connected",), ("lost",), ("connected",)]
                await second.send('{"type": "started", "play_id": "play-3"}')
                await until(lambda: site.said[-1] == ("started", "play-3"), "it is believed now")

    asyncio.run(scenario())


def test_only_the_screen_that_speaks_says_whether_the_notice_is_shown(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site:
            first = await site.ws()
            assert (await heard(first))["notice"]["show"] is True
            async with site.ws() as second:
                await heard(second)
                await second.send('{"type": "notice", "shown": true}')
                for shown in ("true", "true", "false", "true"):
                    await first.send(f'{{"type": "notice", "shown": {shown}}}')
                await until(lambda: len(site.said) >= 4, "three changes")
                await first.close()
                await until(lambda: ("lost",) in site.said, "the first is gone")
                await second.send('{"type": "notice", "shown": true}')
                await until(lambda: site.said[-1] == ("notice", True), "it is believed now")
            assert site.said[:8] == [
                ("connected",),
                ("notice", True),
                ("notice", False),
                ("notice", True),
                ("notice", False),
                ("lost",),
                ("connected",),
                ("notice", True),
            ]

    asyncio.run(scenario())


def test_while_nobody_can_see_the_page_it_counts_as_lost_and_proves_nothing(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site, site.ws() as page:
            await heard(page)
            for shown in ("false", "false"):
                await page.send(f'{{"type": "visible", "shown": {shown}}}')
            await page.send('{"type": "started", "play_id": "play-1"}')
            await page.send('{"type": "visible", "shown": true}')
            await page.send('{"type": "started", "play_id": "play-3"}')
            await until(lambda: site.said[-1] == ("started", "play-3"), "it is believed again")
            assert site.said[:3] == [("connected",), ("lost",), ("connected",)]
            assert len(site.said) == 4

    asyncio.run(scenario())


def test_a_page_that_was_hidden_when_it_went_is_lost_once_and_the_next_one_is_seen(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site:
            async with site.ws() as page:
                await heard(page)
                await page.send('{"type": "visible", "shown": false}')
                await until(lambda: site.said[-1] == ("lost",), "it is hidden")
            await until(lambda: site.screens.count == 0, "it is gone")
            async with site.ws() as page:
                await heard(page)
                assert site.said == [("connected",), ("lost",), ("connected",)]

    asyncio.run(scenario())


def test_a_page_that_draws_no_longer_counts_as_lost_until_it_draws_again(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site, site.ws() as page:
            await heard(page)
            await page.send('{"type": "beat"}')
            await until(lambda: site.screens.beat_age_s is not None, "it draws")
            for skipped_s, said in ((9, 1), (2, 2), (60, 2)):
                site.skipped_s += skipped_s
                site.screens.tick()
                assert len(site.said) == said
            assert site.said[1] == ("lost", "broken")
            await page.send('{"type": "started", "play_id": "play-1"}')
            await page.send('{"type": "beat"}')
            await until(lambda: len(site.said) == 3, "it draws again")
            assert site.said[2] == ("connected",), "and what it said meanwhile is not believed"
            site.skipped_s += 11
            site.screens.tick()
        await until(lambda: site.screens.count == 0, "it is gone")
        assert [said[0] for said in site.said[3:]] == ["lost"], "lost once"

    asyncio.run(scenario())


def test_a_notice_counts_as_shown_only_while_its_page_draws(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site, site.ws() as page:
            await heard(page)
            await page.send('{"type": "beat"}')
            await page.send('{"type": "notice", "shown": true}')
            await until(lambda: ("notice", True) in site.said, "it is shown")
            site.skipped_s += 11
            site.screens.tick()
            assert ("notice", False) in site.said
            await page.send('{"type": "beat"}')
            told = [(await heard(page))["type"] for _ in range(3)]
            assert told.count("hello") == 2, "greeted again, it tells it again"

    asyncio.run(scenario())


def test_a_page_that_has_never_drawn_is_not_taken_for_one_that_fell_silent(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site, site.ws() as page:
            await heard(page)
            site.skipped_s = 60
            site.screens.tick()
            assert site.said == [("connected",)]

    asyncio.run(scenario())


def test_what_may_loop_is_told_again_when_a_medium_was_checked_since(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site:
            site.unchecked = ["tea"]
            async with site.ws() as page, site.ws() as mirror:
                for one in (page, mirror):
                    hello = await heard(one)
                    assert [each["id"] for each in hello["rotation"]] == ["film", "page"]
                site.screens.tick()
                site.unchecked = []
                site.skipped_s = 3
                for _ in range(3):
                    site.screens.tick()
                for one, primary in ((page, True), (mirror, False)):
                    said = await heard(one)
                    while said["type"] != "hello":
                        said = await heard(one)
                    assert [each["id"] for each in said["rotation"]] == ["tea", "film", "page"]
                    assert said["primary"] is primary
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(page.recv(), 0.3)

    asyncio.run(scenario())


def test_a_screen_that_went_without_a_word_is_told_from_one_that_took_its_leave(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site:
            for broken in (False, True):
                page = await site.ws()
                await heard(page)
                if broken:
                    page.transport.abort()
                else:
                    await page.close(1001)
                await until(lambda: site.screens.count == 0, "it is gone")
            lost = [said for said in site.said if said[0] == "lost"]
            assert lost == [("lost",), ("lost", "broken")]

    asyncio.run(scenario())


def test_a_screen_is_told_how_plays_follow_each_other(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site, site.ws() as page:
            hello = await heard(page)
            assert (hello["transition_ms"], hello["load_timeout_s"]) == (450, 8)

    asyncio.run(scenario())


@pytest.mark.parametrize("shown", ["1", '"yes"', "null", "[true]"])
def test_what_is_no_answer_on_the_notice_is_none(tmp_path, shown):
    async def scenario():
        async with serving(tmp_path) as site, site.ws() as page:
            await heard(page)
            await page.send(f'{{"type": "notice", "shown": {shown}}}')
            await page.send('{"type": "started", "play_id": "play-1"}')
            await until(lambda: len(site.said) == 2, "the good message")
            assert site.said[-1] == ("started", "play-1")

    asyncio.run(scenario())


def test_the_greeting_says_what_is_estimated_and_no_more(tmp_path):
    async def scenario():
        notice = NoticeSettings(languages=["de"], position="top-left", size="large")
        async with serving(tmp_path, notice=notice, estimated=()) as site, site.ws() as page:
            told = (await heard(page))["notice"]
            assert told == {
                "show": True,
                "texts": [
                    {
                        "lang": "de",
                        "lines": [
                            "Eine Kamera zählt hier Personen.",
                            "Es wird kein Bild gespeichert oder gesendet.",
                        ],
                    }
                ],
                "size": "large",
                "position": "top-left",
                "link": None,
                "qr": None,
            }

    asyncio.run(scenario())


GARBAGE = [
    "",
    "hello",
    "[]",
    "null",
    "7",
    "{}",
    '{"type": "ended", "play_id": "p"}',
    '{"type": "ended", "play_id": "p", "shown_s": "long"}',
    '{"type": "ended", "play_id": "p", "shown_s": [1]}',
    '{"type": "ended", "play_id": "p", "shown_s": 1' + "0" * 400 + "}",
    '{"type": "dance", "play_id": "p"}',
    '{"type": "notice"}',
    "[" * 60_000,
    b"\x00\xff",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_a_page_that_talks_nonsense_stays_connected_and_is_heard_again(tmp_path, garbage):
    async def scenario():
        async with serving(tmp_path) as site, site.ws() as page:
            await heard(page)
            await page.send(garbage)
            await page.send('{"type": "started", "play_id": "play-1"}')
            await until(lambda: len(site.said) == 2, "the good message")
            assert site.said[-1] == ("started", "play-1")

    asyncio.run(scenario())


def test_a_message_of_a_size_that_no_page_sends_costs_the_page_its_connection_only(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site:
            async with site.ws() as page:
                await heard(page)
                await page.send("x" * (1 << 20))
                await asyncio.wait_for(page.wait_closed(), 5)
            async with site.ws() as again:
                assert (await heard(again))["type"] == "hello"

    asyncio.run(scenario())


def test_too_many_pages_are_turned_away_and_their_places_come_free(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site:
            for path in ("/screen/ws", "/operator/ws"):
                pages = [await site.ws(path) for _ in range(MAX_PAGES)]
                for page in pages:
                    await heard(page)
                async with site.ws(path) as one_more:
                    with pytest.raises(websockets.ConnectionClosed) as closed:
                        await one_more.recv()
                    assert closed.value.rcvd is not None
                    assert closed.value.rcvd.code == 1013
                for page in pages:
                    await page.close()
                for _ in range(100):
                    async with site.ws(path) as again:
                        try:
                            await heard(again)
                        except websockets.ConnectionClosed:
                            await asyncio.sleep(0.05)
                            continue
                    break
                else:
                    raise AssertionError("no place came free")

    asyncio.run(scenario())


def test_an_operator_hears_the_state_of_things_again_and_again(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site, site.ws("/operator/ws") as page:
            assert [await heard(page) for _ in range(3)] == [{"version": "test"}] * 3

    asyncio.run(scenario())


def test_a_new_campaign_is_told_to_every_screen(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site, site.ws() as first, site.ws() as second:
            for page in (first, second):
                assert [(await heard(page))["type"] for _ in range(2)] == ["hello", "prepare"]
            site.campaigns.insert(0, Site.campaign(tmp_path, "cake.svg"))
            site.screens.greet_again()
            for page, primary in ((first, True), (second, False)):
                hello = await heard(page)
                assert [one["id"] for one in hello["rotation"]] == ["cake"]
                assert hello["primary"] is primary

    asyncio.run(scenario())


def test_the_server_stops_in_time_though_a_page_never_answers(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site:
            reader, writer = await asyncio.open_connection("127.0.0.1", site.server.port)
            writer.write(
                b"GET /screen/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
                b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            await reader.readuntil(b"\r\n\r\n")
            await until(lambda: site.screens.count == 1, "the page is there")
            await asyncio.wait_for(site.server.stop(), 5)
            writer.close()

    asyncio.run(scenario())
