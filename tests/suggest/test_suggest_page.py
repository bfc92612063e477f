"""The page in a real browser, with the real command behind it."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.async_api import Page, async_playwright, expect

from kiosk.vision.faces import Image
from tests.suggest.conftest import CONFIG, HEIC, ROOT, lying

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/")

PIXELS = """() => {
  const canvas = document.getElementById('canvas');
  const pen = canvas.getContext('2d');
  const data = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  let boxed = 0;
  const away = (at, colour) => Math.abs(data[at] - colour);
  for (let at = 0; at < data.length; at += 4)
    boxed += away(at, 69) + away(at + 1, 207) + away(at + 2, 174) < 12;
  return { boxed, ratio: canvas.width / canvas.height };
}"""
"""How many pixels have the colour of a box, and the picture's shape."""


@pytest.fixture(scope="module")
def address(models_dir: Path, changes: tuple[str, ...]) -> Any:
    """Where the command serves its page; afterwards it ends in order, and had one open port."""
    command = [sys.executable, "-m", "kiosk", "suggest", "--page", "--port", "0"]
    command += ["--config", str(CONFIG), *(word for one in changes for word in ("--set", one))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = ADDRESS.search(said)
        assert found is not None, said
        listening = [
            one.laddr.ip
            for one in psutil.Process(process.pid).net_connections()
            if one.status == psutil.CONN_LISTEN
        ]
        assert listening == ["127.0.0.1"]
        try:
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0


@asynccontextmanager
async def opened(address: str, *, camera: bool = True) -> AsyncIterator[Page]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: `make setup` installs it")
    given = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", *(given if camera else [])],
        )
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda line: (
                wrong.append(line.text)
                # Chromium tells of every answer that is an error, which is what is tried here.
                if line.type == "error" and "422" not in line.text
                else None
            ),
        )
        elsewhere: list[str] = []
        page.on("request", lambda request: elsewhere.append(request.url))
        await page.goto(address)
        await expect(page.locator("#device")).to_have_text("kiosk-1")
        try:
            yield page
        finally:
            await browser.close()
        assert wrong == []
        assert [url for url in elsewhere if not url.startswith(address)] == []


def test_a_photo_is_boxed_in_the_browser_and_told_in_words(
    address: str, portrait: Image, tmp_path: Path
) -> None:
    photo = tmp_path / "woman.jpg"
    photo.write_bytes(lying(portrait))
    (tmp_path / "phone.heic").write_bytes(HEIC)

    async def scenario() -> None:
        async with opened(address) as page:
            await page.locator("#file").set_input_files(photo)
            face = page.locator(".face")
            await expect(face).to_have_count(1)
            await expect(face.locator("strong")).to_contain_text("female")
            await expect(face).to_contain_text("Large enough")
            await expect(page.locator("#photo-size")).to_have_text("640 by 360 pixels")
            drawn = await page.evaluate(PIXELS)
            assert drawn["boxed"] > 200
            assert drawn["ratio"] == pytest.approx(16 / 9, abs=0.01)
            await expect(page.locator(".advert").first).to_contain_text("targeted: gender=female")
            seen = "image => image.complete && image.naturalWidth > 0"
            assert await page.locator(".advert img").first.evaluate(seen)
            await expect(page.locator("#said")).to_contain_text("1 face found")

            # A bad one afterwards leaves nothing of the one before.
            await page.locator("#file").set_input_files(tmp_path / "phone.heic")
            await expect(page.locator("#problem-title")).to_contain_text("HEIC")
            await expect(face).to_have_count(0)
            await expect(page.locator("#canvas")).to_be_hidden()

            await page.get_by_role("button", name="Clear").click()
            await expect(page.locator("#idle")).to_be_visible()

    asyncio.run(scenario())


def test_a_snapshot_is_looked_at_and_closes_the_camera(address: str) -> None:
    async def scenario() -> None:
        async with opened(address) as page:
            await page.get_by_role("button", name="Use the camera").press("Enter")
            await expect(page.locator("#video")).to_be_visible()
            # By itself: a page's policy lets nobody evaluate words in it.
            await expect(page.locator("#video")).to_have_js_property("paused", False)
            await expect(page.locator("#video")).not_to_have_js_property("videoWidth", 0)
            # Without a mouse: the button of the snapshot has the focus.
            await page.keyboard.press("Enter")
            await expect(page.locator("#notes")).to_contain_text("No face is found")
            await expect(page.locator("#faces-empty")).to_contain_text("No face is found. Come")
            await expect(page.locator("#video")).to_be_hidden()
            assert await page.evaluate("() => document.getElementById('video').srcObject === null")
            await expect(page.locator(".advert").first).to_contain_text("rotation")

    asyncio.run(scenario())


def test_a_camera_that_is_not_allowed_is_a_sentence(address: str) -> None:
    async def scenario() -> None:
        async with opened(address, camera=False) as page:
            await page.get_by_role("button", name="Use the camera").click()
            await expect(page.locator("#problem-title")).not_to_be_empty()
            await expect(page.locator("#problem-hint")).not_to_be_empty()

    asyncio.run(scenario())
