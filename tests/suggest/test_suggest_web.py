"""The page's server: for this machine and its own page alone, bounded, and never a picture back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from kiosk.suggest import Suggester, make_app
from tests.suggest.conftest import HEIC, bomb

PORT = 8770
BYTES = {"content-type": "application/octet-stream"}
HERE = {**BYTES, "origin": f"http://127.0.0.1:{PORT}", "sec-fetch-site": "same-origin"}


def asked(
    suggester: Suggester,
    scenario: Callable[[httpx.AsyncClient], Awaitable[Any]],
    host: str = "127.0.0.1",
) -> Any:
    async def run() -> Any:
        transport = httpx.ASGITransport(app=make_app(suggester))
        where = f"http://{host}:{PORT}"
        async with httpx.AsyncClient(transport=transport, base_url=where) as client:
            return await scenario(client)

    return asyncio.run(run())


def test_a_picture_goes_in_and_labels_come_out_never_a_picture(
    suggester: Suggester, woman: bytes
) -> None:
    answer = asked(suggester, lambda client: client.post("/look", content=woman, headers=HERE))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    # A crop or an embedding would be longer.
    assert len(answer.content) < 16_000
    told = answer.json()
    assert told["faces"][0]["gender"] == "female"
    assert max(len(face["box_px"]) for face in told["faces"]) == 4
    for advert in told["adverts"]:
        shown = asked(suggester, lambda client, url=advert["url"]: client.get(url))
        assert shown.status_code == 200
        assert shown.headers["content-security-policy"].startswith("sandbox allow-scripts;")


@pytest.mark.parametrize("path", ["/", "/about", "/static/suggest.js", "/media/house/card.svg"])
@pytest.mark.parametrize("host", ["kiosk.example", "127.0.0.1.example", "192.168.0.7"])
def test_a_page_that_rebinds_its_name_to_loopback_gets_nothing(
    suggester: Suggester, host: str, path: str
) -> None:
    answer = asked(suggester, lambda client: client.get(path), host)
    assert answer.status_code == 400
    assert "kiosk" not in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**BYTES, "origin": "https://shop.example"}, 403),
        ({**BYTES, "origin": "null"}, 403),
        ({**BYTES, "origin": "http://127.0.0.1:3000"}, 403),
        ({**BYTES, "origin": f"https://127.0.0.1:{PORT}"}, 403),
        ({**BYTES, "sec-fetch-site": "cross-site"}, 403),
        ({**BYTES, "sec-fetch-site": "same-site"}, 403),
        ({**HERE, "content-type": "text/plain"}, 415),
        ({**HERE, "content-type": "multipart/form-data; boundary=x"}, 415),
    ],
)
def test_only_its_own_page_may_ask(
    suggester: Suggester, woman: bytes, headers: dict[str, str], status: int
) -> None:
    answer = asked(suggester, lambda client: client.post("/look", content=woman, headers=headers))
    assert answer.status_code == status
    assert "faces" not in answer.json()
    assert answer.json()["error"]
    assert "access-control-allow-origin" not in answer.headers


def test_another_site_that_asks_first_is_not_answered(suggester: Suggester) -> None:
    wanted = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    answer = asked(suggester, lambda client: client.options("/look", headers=wanted))
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


def test_a_picture_that_is_too_large_is_not_taken_in(suggester: Suggester) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 10 * suggester.most_bytes:
            sent += 1 << 20
            yield bytes(1 << 20)

    large = {**HERE, "content-length": str(suggester.most_bytes + 1)}
    told = asked(suggester, lambda client: client.post("/look", content=b"", headers=large))
    assert told.status_code == 413
    assert told.json()["error"] == "the picture is larger than the 32 MB that are read"
    untold = asked(suggester, lambda client: client.post("/look", content=endless(), headers=HERE))
    assert untold.status_code == 422
    assert "more than the 32 MB that are read" in untold.json()["error"]
    assert sent <= suggester.most_bytes + (2 << 20)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the file is empty"),
        (b"no picture", "no picture that is read here"),
        (HEIC, "HEIC"),
        (bomb(), "60000x60000 pixels are more than"),
    ],
    ids=["empty", "text", "heic", "bomb"],
)
def test_what_cannot_be_read_is_a_sentence(
    suggester: Suggester, data: bytes, sentence: str
) -> None:
    answer = asked(suggester, lambda client: client.post("/look", content=data, headers=HERE))
    assert answer.status_code == 422
    assert sentence in answer.json()["error"]


def test_one_picture_at_a_time_is_looked_at(suggester: Suggester, woman: bytes) -> None:
    class Counting:
        """The same suggester; counts how many pictures are in it at once."""

        def __init__(self) -> None:
            self.within = self.most = 0
            self.most_bytes, self.campaign = suggester.most_bytes, suggester.campaign

        def of(self, data: bytes) -> Any:
            self.within += 1
            self.most = max(self.most, self.within)
            try:
                return suggester.of(data)
            finally:
                self.within -= 1

    counting: Any = Counting()

    async def three(client: httpx.AsyncClient) -> list[httpx.Response]:
        posts = [client.post("/look", content=woman, headers=HERE) for _ in range(3)]
        return await asyncio.gather(*posts)

    answers = asked(counting, three)
    assert [one.status_code for one in answers] == [200, 200, 200]
    assert counting.most == 1


def test_everything_comes_from_here_and_says_so_to_the_browser(suggester: Suggester) -> None:
    page = asked(suggester, lambda client: client.get("/"))
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "http:" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cross-origin-resource-policy"] == "same-origin"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "runs only while the command <code>kiosk suggest --page</code> runs" in page.text
    assert "Nothing is stored" in page.text


@pytest.mark.parametrize(
    "path",
    [
        "/media/house/campaign.yaml",
        "/media/house/..%2fcampaign.yaml",
        "/static/..%2fweb.py",
        "/static/%2e%2e/web.py",
        "/look",
        "/docs",
    ],
)
def test_nothing_but_its_own_files_and_media_is_served(suggester: Suggester, path: str) -> None:
    answer = asked(suggester, lambda client: client.get(path))
    assert answer.status_code in (404, 405)
    assert "import" not in answer.text
