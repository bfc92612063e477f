"""A real session (sway, Chromium) on a backend without a display, and the page that it shows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import psutil

PAGE = b"""<!doctype html><title>screen</title>
<style>
body { margin: 0; height: 100vh; display: grid; grid: 1fr 1fr / 1fr 1fr; cursor: default }
</style>
<i style="background: #f00"></i><i style="background: #0f0"></i>
<i style="background: #00f"></i><i style="background: #fff"></i>
<script>
const beat = () => requestAnimationFrame(() => fetch("/beat", {
  method: "POST", body: JSON.stringify({ size: [innerWidth, innerHeight] }),
}).catch(() => {}));
setInterval(beat, 250);
beat();
</script>"""
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
HEADLESS = {"WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1"}


class Pages(ThreadingHTTPServer):
    """Serves one page and says of it what the director would."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Asked)
        self.beat_at: float | None = None
        self.size: list[int] = []
        self.beats = 0
        self.forgets_after_s = float("inf")
        self.port = self.server_port

    def status(self) -> dict:
        age = None if self.beat_at is None else time.monotonic() - self.beat_at
        there = age is not None and age < self.forgets_after_s
        return {"screen": {"pages": int(there), "beat_age_s": age if there else None}}


class _Asked(BaseHTTPRequestHandler):
    server: Pages

    def do_GET(self):
        bodies = {"/screen": PAGE, "/health": b"ok\n"}
        if self.path == "/status":
            bodies["/status"] = json.dumps(self.server.status()).encode()
        body = bodies.get(self.path.partition("?")[0])
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.size, self.server.beat_at = said["size"], time.monotonic()
        self.server.beats += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def serving(port: int = 0) -> Iterator[Pages]:
    pages = Pages(port)
    thread = threading.Thread(target=pages.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield pages
    finally:
        pages.shutdown()
        pages.server_close()
        thread.join()


class Session:
    """`kiosk screen` as a process."""

    def __init__(
        self,
        folder: Path,
        sockets: Path,
        port: int,
        env: dict[str, str],
        backend: str = "chromium",
        **screen: object,
    ) -> None:
        self.folder = sockets
        self.env = {**os.environ, **env, "XDG_RUNTIME_DIR": str(self.folder)}
        config = folder / "config.yaml"
        config.write_text(
            json.dumps({"player": {"port": port, "backend": backend}, "screen": screen})
        )
        self._said = folder / "said.log"
        with self._said.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *nobody_special(),
                    *(sys.executable, "-m", "kiosk", "screen", "--config", str(config)),
                ],
                env=self.env,
                stderr=log,
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    def programs(self, name: str) -> list[psutil.Process]:
        """What runs of the session, by the name of the program."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if name in child.name() and child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
            except psutil.NoSuchProcess:
                continue
        return found

    def sway(self, *command: str) -> None:
        sock = self.folder / "kiosk-screen/sway.sock"
        subprocess.run(
            ["swaymsg", "--quiet", "--socket", str(sock), *command], check=True, env=self.env
        )

    def shot(self, file: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "kiosk", "screen", "shot", str(file)],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(15)


@contextmanager
def session(folder: Path, port: int, env: dict[str, str], **screen: object) -> Iterator[Session]:
    # A test's own folder may have too long a path for a socket.
    with tempfile.TemporaryDirectory(prefix="kiosk-") as sockets:
        running = Session(folder, Path(sockets), port, env, **screen)
        try:
            yield running
        except AssertionError as bad:
            bad.add_note(running.said)
            raise
        finally:
            running.end()


def nobody_special() -> list[str]:
    """Sway and the browser's sandbox refuse root, which tests may run as: be another user."""
    if os.geteuid() != 0:
        return []
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]


def until(condition: Callable[[], object], what: str, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.05)


def corners(png: bytes) -> tuple[tuple[int, int], list[tuple[int, ...]]]:
    """Width and height, and the colours at the very corners: top left, top right, then below."""
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    height, width = picture.shape[:2]
    places = [(1, 1), (1, width - 2), (height - 2, 1), (height - 2, width - 2)]
    return (width, height), [tuple(int(v) for v in picture[place]) for place in places]


class Panel:
    """A compositor of which one window, all over it, stands for a display of the session."""

    def __init__(self, folder: Path) -> None:
        config = folder / "panel.conf"
        config.write_text("xwayland disable\ndefault_border none\noutput * mode 1024x768\n")
        self._env = {
            **os.environ,
            **HEADLESS,
            "XDG_RUNTIME_DIR": str(folder),
            "SWAYSOCK": str(folder / "panel.sock"),
        }
        self.process = subprocess.Popen(
            [*nobody_special(), "sway", "--config", str(config)],
            env=self._env,
            stderr=subprocess.DEVNULL,
        )
        socket = folder / "wayland-1"
        until(socket.is_socket, "the panel's compositor")
        self._env["WAYLAND_DISPLAY"] = str(socket)
        self.env = {
            "WLR_BACKENDS": "wayland",
            "WLR_RENDERER": "pixman",
            "WAYLAND_DISPLAY": str(socket),
        }

    def unplug(self) -> None:
        subprocess.run(["swaymsg", "--quiet", "kill"], env=self._env, check=True)

    def picture(self) -> bytes:
        return subprocess.check_output(["grim", "-"], env=self._env)


@contextmanager
def panel() -> Iterator[Panel]:
    with tempfile.TemporaryDirectory() as folder:
        one = Panel(Path(folder))
        try:
            yield one
        finally:
            one.process.terminate()
            one.process.wait(10)
