"""The product set up in an emulated machine, and head office on this one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import yaml

from tests.e2e.appliance import Process
from tests.machine.emulated import HOST, Emulated
from tests.mosquitto import Mosquitto, free_port

RELEASE = "/opt/kiosk/current"
CAMPAIGN = """version: 1
name: power
creatives:
  - {id: tea, kind: image, file: tea.svg, duration_s: 2}
  - {id: cake, kind: image, file: tea.svg, duration_s: 2}
  - {id: scarf, kind: image, file: tea.svg, duration_s: 2, targeting: {gender: [female]}}
"""
STAND_IN = f"""[Unit]
Description=A screen's page and people before it
After=kiosk-director.service
[Service]
ExecStart={RELEASE}/.venv/bin/python /srv/stand_in.py /dev/virtio-ports/kiosk.said
Restart=always
[Install]
WantedBy=multi-user.target
"""
SLOW = """[Service]
TimeoutStartSec=900
"""
"""An emulated processor is slow to begin; what holds once it runs stays as it is shipped."""


def settings(broker_port: int, **changes: dict[str, Any]) -> dict[str, Any]:
    """A shop's configuration, for a machine whose head office is its emulator's host."""
    found: dict[str, dict[str, Any]] = {
        # The emulator sets the clock, as a time service would.
        "clock": {"trust": "always"},
        "vision": {"models_dir": f"{RELEASE}/models_ir"},
        "audience": {"socket": "/run/kiosk/audience.sock"},
        "privacy": {"noise": "off"},
        "ads": {"campaign": "/etc/kiosk/campaign/campaign.yaml"},
        "player": {"plays_batch_s": 3},
        "state": {"path": "/var/lib/kiosk/state.db"},
        "broker": {"host": HOST, "port": broker_port, "backoff_min_s": 0.2, "backoff_max_s": 1},
        "uplink": {"poll_s": 0.2, "health_s": 5, "ack_timeout_s": 10},
        "desired": {"folder": "/var/lib/kiosk-desired"},
    }
    for section, values in changes.items():
        found.setdefault(section, {}).update(values)
    return found


def set_up(machine: Emulated, told: dict[str, Any], units: tuple[str, ...]) -> None:
    """Write a configuration and a campaign, and give some units patience with their start."""
    machine.write("/etc/kiosk/config.yaml", yaml.safe_dump(told))
    machine.write("/etc/kiosk/campaign/campaign.yaml", CAMPAIGN)
    machine.write("/etc/kiosk/campaign/tea.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
    for unit in units:
        machine.write(f"/etc/systemd/system/{unit}.service.d/emulated.conf", SLOW)
    stand_in = Path(__file__).with_name("stand_in.py").read_text(encoding="utf-8")
    machine.write("/srv/stand_in.py", stand_in)
    machine.write("/etc/systemd/system/stand-in.service", STAND_IN)
    machine.sh("systemctl daemon-reload")


def switch_to_stand_ins(machine: Emulated) -> None:
    """From the next boot on the shop's units come up by themselves, without a camera."""
    machine.sh("""
        systemctl mask -q kiosk-vision.service
        systemctl enable -q kiosk.target kiosk-director kiosk-uplink stand-in
    """)


class Tape:
    """Everything that goes over the broker, as topic and bytes."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="tape", protocol=mqtt.MQTTv5
        )
        self._client.on_connect = lambda client, *_: client.subscribe("kiosk/#", qos=1)
        self._client.on_message = lambda _c, _u, message: self.heard.append(
            (message.topic, bytes(message.payload))
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@dataclass(frozen=True)
class Office:
    """Broker and ingest on this machine.

    Attributes:
        port: of the broker.
        tape: everything that went over the broker.
        database: what was committed.
    """

    port: int
    tape: Tape
    database: Path

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the database."""
        return ask(self.database, sql)

    def plays(self) -> list[dict[str, Any]]:
        """Every proof of play that is committed."""
        return [
            play
            for (proofs,) in self.ask("SELECT proofs FROM play_batches ORDER BY epoch, seq")
            for play in json.loads(proofs)
        ]


@contextmanager
def office(folder: Path) -> Iterator[Office]:
    """A head office that stays up."""
    port, database = free_port(), folder / "central.db"
    config = folder / "central.yaml"
    config.write_text(yaml.safe_dump({
        "broker": {"port": port}, "central": {"database": str(database)},
    }))  # fmt: skip
    with Mosquitto(folder / "broker", port=port):
        tape = Tape(port)
        ingest = Process("central", "ingest", config=config, log=folder / "ingest.log")
        try:
            yield Office(port, tape, database)
        finally:
            ingest.stop()
            tape.close()


def ask(database: Path, sql: str) -> list[tuple[Any, ...]]:
    """Ask an SQLite file, which may be in use."""
    with closing(sqlite3.connect(database, timeout=30)) as db:
        return db.execute(sql).fetchall()
