"""A whole appliance for a test: `kiosk run` on the sample clip with a Mosquitto of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import psutil
import pytest
import yaml
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.mosquitto import Mosquitto, free_port, wait_for

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "kiosk/demo/campaign/build/WolfgangLanger_Pexels.mp4"


def clip() -> Path:
    """The sample clip, or a skip that says how to get it."""
    if not CLIP.is_file():
        pytest.skip("the sample clip is not here: `kiosk demo --prepare` fetches it")
    return CLIP


def configuration(folder: Path, broker_port: int, **vision: Any) -> Path:
    """A configuration whose files are all in ``folder``."""
    settings = {
        "clock": {"trust": "always"},
        "vision": {"source": str(clip()), "loop": True, "models_dir": str(ROOT / "models_ir")}
        | vision,
        "audience": {"socket": "audience.sock", "publish_open_hour_on_stop": True},
        "ads": {"campaign": str(ROOT / "kiosk/demo/campaign/campaign.yaml")},
        "player": {"port": free_port(), "plays_batch_s": 1},
        "state": {"path": "state.db"},
        "broker": {"port": broker_port, "backoff_min_s": 0.2, "backoff_max_s": 1},
        "uplink": {"poll_s": 0.1, "health_s": 1, "ack_timeout_s": 2},
        "central": {"database": "central.db"},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


class Process:
    """One `kiosk` command as a child."""

    def __init__(self, *arguments: str, config: Path, log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "kiosk", *arguments, "--config", str(config)],
                cwd=ROOT,
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

    def said(self, text: str) -> bool:
        """Whether it has logged something."""
        return text in self.log.read_text(encoding="utf-8")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait, and return the exit code."""
        if self.child.poll() is None:
            self.child.send_signal(number)
        try:
            return self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            raise


class Appliance:
    """`kiosk run`, seen from outside."""

    def __init__(self, folder: Path, broker_port: int, **vision: Any) -> None:
        self.folder = folder
        self.config = configuration(folder, broker_port, **vision)
        self.port = yaml.safe_load(self.config.read_text())["player"]["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.run = Process("run", config=self.config, log=folder / "run.log")

    def child(self, name: str) -> psutil.Process | None:
        """One of the three processes, if it runs."""
        for process in psutil.Process(self.run.child.pid).children():
            try:
                if name in process.cmdline():
                    return process
            except psutil.NoSuchProcess:
                continue
        return None

    def state(self) -> dict[str, Any]:
        """What the operator's page is told now; empty while there is no director."""
        try:
            with connect(f"ws://127.0.0.1:{self.port}/operator/ws", open_timeout=2) as page:
                return dict(json.loads(page.recv(timeout=2)))
        except (OSError, TimeoutError, WebSocketException):
            return {}

    def wait_for_state(self, holds: Any, what: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until the state of things is as wished, and return it."""
        found: dict[str, Any] = {}

        def look() -> bool:
            nonlocal found
            found = self.state()
            return bool(found) and bool(holds(found))

        wait_for(look, what, seconds)
        return found

    def stop(self) -> int:
        """SIGTERM to `kiosk run`."""
        return self.run.stop()


class Ear:
    """A subscriber to everything of the tree."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="ear", protocol=mqtt.MQTTv5
        )
        self._client.on_connect = lambda client, *_: client.subscribe("kiosk/#", qos=1)
        self._client.on_message = lambda _c, _u, message: self.heard.append(
            (message.topic, json.loads(message.payload))
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def of(self, leaf: str) -> list[dict[str, Any]]:
        """Payloads of one leaf of the tree."""
        return [payload for topic, payload in self.heard if topic.endswith("/" + leaf)]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


__all__ = ["Appliance", "Ear", "Mosquitto", "Process", "clip", "configuration"]
