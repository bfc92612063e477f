"""The pages on loopback, over real connections."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest
import websockets

from kiosk.errors import PortInUseError
from kiosk.player import media_url
from tests.player.pages import Site, browsing, heard, serving, until


def test_the_pages_carry_a_policy_that_lets_nothing_in_from_elsewhere(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site, browsing(site) as client:
            for path in ("/", "/screen"):
                answer = await client.get(path)
                assert answer.status_code == 200
                policy = answer.headers["content-security-policy"]
                assert "default-src 'self'" in policy
                assert "object-src 'none'" in policy
                assert "http:" not in policy
                assert "https:" not in policy
            assert (await client.get("/health")).text == "ok\n"
            frame_url = (await client.get("/frame.js")).text.split('"')[1]
            frame = await client.get(frame_url)
            assert frame.headers["content-security-policy"].startswith("sandbox allow-scripts;")
            assert "default-src 'none'" in frame.headers["content-security-policy"]
            assert "immutable" in frame.headers["cache-control"], "it is there without the director"
            assert "/static" not in frame.text, "and needs nothing else"
            script = await client.get("/static/screen.js")
            assert (script.status_code, script.headers["cache-control"]) == (200, "no-cache")

    asyncio.run(scenario())


def test_only_the_media_of_the_campaign_are_served_each_in_a_sandbox(tmp_path):
    (tmp_path / "state.db").write_text("secret")

    async def scenario():
        async with serving(tmp_path) as site, browsing(site) as client:
            for creative in site.campaigns[0].creatives:
                answer = await client.get(media_url(creative))
                assert answer.content == creative.path.read_bytes()
                assert answer.headers["content-security-policy"].startswith(
                    "sandbox allow-scripts;"
                )
                assert "default-src 'none'" in answer.headers["content-security-policy"]
                assert "immutable" in answer.headers["cache-control"]
            for path in (
                "/media/tea/state.db",
                "/media/state/state.db",
                "/media/tea/..%2fstate.db",
                "/media/..%2f..%2fetc/passwd",
                "/media/tea/%2e%2e/state.db",
                "/static/..%2fweb.py",
                "/static/%2e%2e/web.py",
                "/static//etc/passwd",
                "/media/",
                "/docs",
            ):
                answer = await client.get(path)
                assert answer.status_code in (404, 405), path
                assert b"secret" not in answer.content
            (tmp_path / "tea.svg").unlink()
            assert (await client.get(media_url(site.campaigns[0].creatives[0]))).status_code == 404

    asyncio.run(scenario())


def test_what_is_on_screen_is_served_though_the_campaign_is_another_one_now(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site, browsing(site) as client:
            old = media_url(site.campaigns[0].creatives[0])
            (tmp_path / "new").mkdir()
            site.campaigns.insert(0, Site.campaign(tmp_path / "new", "cake.svg"))
            assert (await client.get(old)).status_code == 200
            assert (await client.get(media_url(site.campaigns[0].creatives[0]))).status_code == 200
            site.campaigns.pop()
            assert (await client.get(old)).status_code == 404

    asyncio.run(scenario())


def test_a_film_can_be_read_in_parts(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site, browsing(site) as client:
            url = media_url(site.campaigns[0].creatives[1])
            answer = await client.get(url, headers={"range": "bytes=10-19"})
            assert answer.status_code == 206
            assert answer.content == bytes(range(10, 20))
            assert answer.headers["content-range"] == "bytes 10-19/1024"
            answer = await client.get(url, headers={"range": "bytes=9999-"})
            assert answer.status_code == 416

    asyncio.run(scenario())


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_page_that_came_by_another_name_is_refused(tmp_path, host):
    async def scenario():
        async with serving(tmp_path) as site, browsing(site) as client:
            for path in ("/screen", media_url(site.campaigns[0].creatives[0]), "/health"):
                assert (await client.get(path, headers={"host": host})).status_code == 400
            with pytest.raises(websockets.InvalidStatus):
                async with site.ws(additional_headers={"host": host}):
                    pass
            assert site.said == []

    asyncio.run(scenario())


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[::1", "file://"])
@pytest.mark.parametrize("path", ["/screen/ws", "/operator/ws"])
def test_a_page_of_another_site_cannot_connect(tmp_path, origin, path):
    async def scenario():
        async with serving(tmp_path) as site:
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with site.ws(path, additional_headers={"origin": origin}):
                    pass
            assert refused.value.response.status_code == 403
            assert site.said == []
            async with site.ws(origin=f"http://localhost:{site.server.port}") as page:
                assert (await heard(page))["type"] == "hello"

    asyncio.run(scenario())


def test_the_page_is_served_by_its_ipv6_address_too(tmp_path):
    async def scenario():
        async with serving(tmp_path, host="::1") as site, httpx.AsyncClient() as client:
            answer = await client.get(f"http://[::1]:{site.server.port}/screen")
            assert answer.status_code == 200

    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    asyncio.run(scenario())


def test_a_port_that_is_taken_is_a_sentence_even_before_the_other_answers(tmp_path):
    async def scenario():
        one, other = Site(tmp_path), Site(tmp_path)
        one.server.claim()
        other.server.port = one.server.port
        with pytest.raises(
            PortInUseError, match=rf"127\.0\.0\.1:{one.server.port}: .*in use"
        ) as bad:
            await other.server.start()
        assert "player.port" in (bad.value.hint or "")
        await one.server.start()
        await other.server.stop()
        async with browsing(one) as client:
            assert (await client.get("/health")).status_code == 200
        await one.server.stop()

    asyncio.run(scenario())


def test_a_server_that_ended_serves_again_on_its_port(tmp_path):
    async def scenario():
        async with serving(tmp_path) as site:
            async with browsing(site) as client:
                assert (await client.get("/health")).status_code == 200
                running = site.server._task
                await site.server.restart_if_failed()
                assert site.server._task is running
            assert running is not None
            running.cancel()
            await until(lambda: site.server.failed, "the server has ended")
            await site.server.restart_if_failed()
            assert site.server._task is not running
            async with browsing(site) as client:
                assert (await client.get("/health")).status_code == 200
            async with site.ws() as page:
                assert (await heard(page))["type"] == "hello"

    asyncio.run(scenario())
