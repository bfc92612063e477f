"""The real processes under the tap, a real broker, and a screen and an operator at the pages."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from heapq import merge
from pathlib import Path
from typing import Any

import pytest
import yaml
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from kiosk.ads import load_campaign
from kiosk.player.web import STATIC
from tests.e2e.appliance import ROOT, Ear, Mosquitto, configuration
from tests.e2e.tap.ledger import Places
from tests.e2e.tap.trace import CARRIERS, LIMIT, Call, calls
from tests.e2e.tap.verdict import Verdict, Visits, judge
from tests.mosquitto import wait_for

PROCESSES = ("uplink", "director", "vision")
BRANCH = "kiosk/v1/demo/shop-1/kiosk-1"
SOCKETS = ("/screen/ws", "/operator/ws")


@dataclass
class Tapped:
    """A run under the tap, while it lasts and after it.

    Attributes:
        asked: what was asked of the pages, by the port of the one who asked.
        states: what the operator was shown.
    """

    folder: Path
    places: Places
    config: Path
    source: Path = ROOT
    asked: dict[str, str] = field(default_factory=dict)
    states: list[dict[str, Any]] = field(default_factory=list)
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def calls(self) -> Iterator[Call]:
        """Every call of every process, in the order of their beginning."""
        streams = []
        for name in PROCESSES:
            with (self.folder / f"{name}.tap").open(encoding="ascii") as lines:
                streams.append(sorted(calls(name, lines), key=lambda call: call.time_s))
        return merge(*streams, key=lambda call: call.time_s)

    def files(self) -> dict[str, Path]:
        """The file behind each address of the pages."""
        found = {"/": STATIC / "operator.html", "/screen": STATIC / "screen.html"}
        found |= {f"/static/{path.name}": path for path in STATIC.iterdir()}
        settings = yaml.safe_load(self.config.read_text())
        for creative in load_campaign(Path(settings["ads"]["campaign"])).creatives:
            found[f"/media/{creative.id}/{creative.path.name}"] = creative.path
        return found

    def verdict(self) -> Verdict:
        """Look at every byte."""
        return judge(self.calls(), self.places, Visits(BRANCH, self.asked, self.files()))


@contextmanager
def tapped(folder: Path, *, source: Path = ROOT) -> Iterator[Tapped]:
    """Run the three processes as their units do, each under the tap, and visit the pages.

    Args:
        folder: for everything that is written.
        source: the tree whose processes run.
    """
    _strace_or_skip()
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "broker"))
        config = configuration(folder, broker.port)
        port = yaml.safe_load(config.read_text())["player"]["port"]
        places = Places(folder, port, broker.port)
        run = Tapped(folder, places, config, source)
        stack.enter_context(_manager(places.notify))
        ear = Ear(broker.port)
        stack.callback(ear.close)
        running = stack.enter_context(_processes(run))
        with _Visitor(run):
            yield run
        _stop(running["vision"])
        _stop(running["director"])
        # The director's last word is the hour.
        wait_for(lambda: ear.of("up/hours"), "the hour at the broker", 20)
        _stop(running["uplink"])
        run.heard = list(ear.heard)


def _strace_or_skip() -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: `make setup` installs it")
    tried = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, check=False
    )
    if tried.returncode != 0:
        pytest.skip(f"this machine lets nobody trace: {tried.stderr.decode()[-200:]}")


@contextmanager
def _manager(path: str) -> Iterator[None]:
    """A service manager that listens to readiness; unheard, its callers would wait for ever."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        end = threading.Event()

        def listen() -> None:
            manager.settimeout(0.2)
            while not end.is_set():
                with suppress(TimeoutError):
                    manager.recv(1 << 16)

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join(5)


@contextmanager
def _processes(run: Tapped) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name in PROCESSES:
            running[name] = _start(run, name)
        yield running
    finally:
        for process in running.values():
            if process.poll() is None:
                # strace would leave its child running.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _start(run: Tapped, name: str) -> subprocess.Popen[bytes]:
    tap = ["strace", "--seccomp-bpf", "-f", "-ttt", "-yy", "-xx", "-s", str(LIMIT), "-q"]
    tap += ["-e", "trace=" + ",".join(f"?{call}" for call in CARRIERS), "-e", "signal=none"]
    tap += ["-o", str(run.folder / f"{name}.tap")]
    command = [sys.executable, "-m", "kiosk", name, "--config", str(run.config)]
    environment = os.environ | {
        "PYTHONPATH": str(run.source),
        "NOTIFY_SOCKET": run.places.notify,
        "WATCHDOG_USEC": "4000000",
        # Under the units their folder is read-only.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with Path(run.places.log(name)).open("ab") as log:
        return subprocess.Popen(
            [*tap, *command],
            cwd=run.source,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _stop(tap: subprocess.Popen[bytes]) -> None:
    child = Path(f"/proc/{tap.pid}/task/{tap.pid}/children").read_text().split()
    for pid in child:
        os.kill(int(pid), signal.SIGTERM)
    assert tap.wait(30) == 0


class _Visitor:
    """A screen that confirms what it is asked to show, and an operator; and every file once."""

    def __init__(self, run: Tapped) -> None:
        self._run = run
        self._end = threading.Event()
        self._threads = [
            threading.Thread(target=self._visit, args=(path,), daemon=True) for path in SOCKETS
        ]
        self.failed: list[str] = []

    def __enter__(self) -> _Visitor:
        wait_for(self._answers, "the pages", 60)
        for thread in self._threads:
            thread.start()
        for path in [*PLAIN_PAGES, *self._run.files()]:
            self._get(path)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(10)
        assert not self.failed, self.failed

    def _answers(self) -> bool:
        try:
            return self._get("/health") == b"ok\n"
        except OSError:
            return False

    def _get(self, path: str) -> bytes:
        page = http.client.HTTPConnection("127.0.0.1", self._run.places.page_port, timeout=10)
        page.connect()
        self._run.asked[str(page.sock.getsockname()[1])] = path
        page.request("GET", path, headers={"Connection": "close"})
        body = page.getresponse().read()
        page.close()
        return body

    def _visit(self, path: str) -> None:
        url = f"ws://127.0.0.1:{self._run.places.page_port}{path}"
        try:
            # Compressed, the messages could not be read by the tap.
            with connect(url, compression=None) as page:
                self._run.asked[str(page.local_address[1])] = path
                while not self._end.is_set():
                    try:
                        self._answer(page, path, json.loads(page.recv(timeout=0.2)))
                    except TimeoutError:
                        continue
        except (OSError, WebSocketException, ValueError, KeyError) as bad:
            self.failed.append(f"{path}: {bad!r}")

    def _answer(self, page: Any, path: str, said: dict[str, Any]) -> None:
        if path == "/operator/ws":
            self._run.states.append(said)
        elif said["type"] == "prepare":
            page.send(json.dumps({"type": "started", "play_id": said["play_id"]}))


PLAIN_PAGES = ("/health",)


def watch(run: Tapped, seconds: float) -> None:
    """Let it watch faces for so long, from the first viewer on."""
    wait_for(lambda: any(state["viewers"] for state in run.states), "a viewer", 60)
    time.sleep(seconds)
