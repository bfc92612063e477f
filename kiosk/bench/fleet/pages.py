"""How long the pages take, as a signed-in browser asks for them."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from kiosk.bench.fleet.children import processor_s
from kiosk.errors import KioskError

WARM_UP = 3
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Timing:
    """Of one page.

    Attributes:
        p50_ms: median, one request after the other.
        p95_ms: the 95th percentile of those.
        p95_at_once_ms: the same with several browsers asking at once.
        processor_ms: of web server and database, for one answer; a busy machine does not change it.
        kb: size of the answer.
    """

    p50_ms: float
    p95_ms: float
    p95_at_once_ms: float
    processor_ms: float
    kb: float


class Browser:
    """One connection that is kept, with a session's cookie."""

    def __init__(self, url: str) -> None:
        """Nothing is opened before the first request."""
        self._url = url
        self._host = urlsplit(url).netloc
        self._connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT_S)
        self.cookie = ""

    def sign_in(self, name: str, password: str) -> None:
        """Begin a session.

        Raises:
            KioskError: the page does not take us.
        """
        form = urlencode({"name": name, "password": password, "next": "/"})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self._url}
        self._connection.request("POST", "/sign-in", form, headers)
        answer = self._connection.getresponse()
        answer.read()
        cookies = answer.headers.get_all("Set-Cookie") or []
        given = [cookie.partition(";")[0] for cookie in cookies if "=;" not in cookie[:40]]
        if answer.status != http.client.SEE_OTHER or not given:
            raise KioskError(f"{self._url}/sign-in answers {answer.status}")
        self.cookie = given[-1]

    def get(self, path: str) -> bytes:
        """A page's bytes.

        Raises:
            KioskError: it is not there, or broken.
        """
        self._connection.request("GET", path, headers={"Cookie": self.cookie})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise KioskError(f"{self._url}{path} answers {answer.status}")
        return body

    def close(self) -> None:
        """Let go."""
        self._connection.close()


def time_pages(
    url: str,
    paths: Mapping[str, str],
    who: tuple[str, str],
    *,
    requests: int,
    at_once: int,
    servers: Sequence[int],
) -> dict[str, Timing]:
    """Ask for each page so many times.

    Args:
        url: of the web server.
        paths: by name.
        who: name and password of a user.
        requests: of each page, after some that warm up.
        at_once: browsers of the second round.
        servers: processes that answer.

    Raises:
        KioskError: a page does not answer with 200.
    """
    first = Browser(url)
    first.sign_in(*who)
    found = {}
    for page, path in paths.items():
        for _ in range(WARM_UP):
            size = len(first.get(path))
        before_s = sum(map(processor_s, servers))
        alone = sorted(_asked(first, path, requests))
        took_s = sum(map(processor_s, servers)) - before_s
        crowd = _crowd(url, first.cookie, path, requests, at_once)
        found[page] = Timing(
            p50_ms=round(_percentile(alone, 0.50), 1),
            p95_ms=round(_percentile(alone, 0.95), 1),
            p95_at_once_ms=round(_percentile(crowd, 0.95), 1),
            processor_ms=round(took_s / requests * 1000, 1),
            kb=round(size / 1024, 1),
        )
    first.close()
    return found


def _crowd(url: str, cookie: str, path: str, requests: int, at_once: int) -> list[float]:
    def visit(_: int) -> list[float]:
        browser = Browser(url)
        browser.cookie = cookie
        took = _asked(browser, path, max(1, requests // at_once))
        browser.close()
        return took

    with ThreadPoolExecutor(at_once) as pool:
        return sorted(ms for took in pool.map(visit, range(at_once)) for ms in took)


def _asked(browser: Browser, path: str, times: int) -> list[float]:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        browser.get(path)
        took.append((time.perf_counter() - began) * 1000)
    return took


def _percentile(ordered: list[float], share: float) -> float:
    """Of sorted values, the smallest that so large a share of them does not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
