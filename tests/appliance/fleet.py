"""A head office and two shops in boxes, as an operator's inventory says them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from kiosk import __version__
from tests.appliance.boxes import Box
from tests.appliance.controller import Controller, Played, is_equipped
from tests.appliance.town import town
from tests.containers.root import REPO
from tests.e2e.appliance import clip
from tests.mosquitto import wait_for

OFFICE, WINDOW, DOOR = "office", "harbour-window", "station-door"
FOOTAGE = "/opt/footage.mp4"
LATER = "0.1.1"
BROKEN = "0.1.2"
HOSTS: dict[str, Any] = {
    "all": {
        "children": {
            "broker": {"hosts": {OFFICE: None}},
            "central": {"hosts": {OFFICE: None}},
            "devices": {
                "children": {
                    "shop_harbour": {
                        "hosts": {WINDOW: {"kiosk_profile": "nuc"}},
                        "vars": {"kiosk_site": "harbour", "kiosk_timezone": "Europe/Stockholm"},
                    },
                    "shop_station": {
                        # Two browsers without a GPU are more than this machine can draw.
                        "hosts": {DOOR: {"kiosk_profile": "nuc", "kiosk_screen": False}},
                        "vars": {"kiosk_site": "station", "kiosk_timezone": "Europe/Berlin"},
                    },
                }
            },
        }
    }
}
HEADLESS = """[Service]
# A box has no display: the compositor draws into memory instead, and everything else is as shipped.
Environment=WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1
"""


@dataclass(frozen=True)
class Fleet:
    """What tests work with.

    Attributes:
        controller: runs the playbooks.
        first: how the first provisioning went.
    """

    controller: Controller
    first: Played

    def __getitem__(self, name: str) -> Box:
        return self.controller.town[name]

    def play(self, playbook: str, *arguments: str, **extra: Any) -> Played:
        """Run a playbook that is expected to succeed."""
        played = self.controller.play(playbook, *arguments, **extra)
        assert played.code == 0, played.said[-8000:]
        return played

    def status(self, name: str) -> dict[str, str]:
        """What a device says of itself: state by check."""
        said = kiosk(self[name], "status", "--json", check=False)
        return {one["name"]: one["state"] for one in json.loads(said or "{}").get("checks", [])}

    def office(self, query: str) -> list[list[str]]:
        """Rows of head office's database."""
        said = self[OFFICE].run(
            *("setpriv", "--reuid=kiosk-central", "--regid=kiosk-central", "--clear-groups"),
            *("psql", "-h", "/var/run/postgresql", "-AtF|", "-d", "kiosk", "-c", query),
        )
        return [line.split("|") for line in said.splitlines()]

    def wait(self, holds: Callable[[], object], what: str, seconds: float) -> float:
        """Wait until something holds; returns how long that took."""
        began = time.monotonic()
        wait_for(holds, what, seconds)
        return time.monotonic() - began


def kiosk(box: Box, *arguments: str, check: bool = True) -> str:
    """Run the installed command in a box."""
    config = ["--config", "/etc/kiosk/config.yaml"]
    return box.run("/opt/kiosk/current/.venv/bin/kiosk", *arguments, *config, check=check)


def _everybody(bundles: Path, folder: Path) -> dict[str, Any]:
    return {
        "kiosk_tenant": "nordlys",
        "kiosk_bundle_dir": str(bundles),
        "kiosk_release_public_key": str(bundles / "release.pub"),
        "kiosk_pki_dir": str(folder / "pki"),
        "kiosk_broker_host": OFFICE,
        "kiosk_offline": True,
        "kiosk_vault_check": "{{ vault_kiosk_check | default('') }}",
        "kiosk_serial": ["100%"],
        "kiosk_healthy_within_s": 120,
        "kiosk_config": {
            # A box shares the clock of this machine, which no time service may have set.
            "clock": {"trust": "always"},
            "vision": {"source": FOOTAGE, "loop": True, "pace": {"full_fps": 5}},
            "player": {"plays_batch_s": 2},
            "uplink": {"health_s": 5},
        },
    }


def _bundles(folder: Path) -> Path:
    """This tree's release and Debian's packages, from `make bundle`, and two later releases."""
    built = REPO / "dist"
    names = [f"kiosk-{__version__}-x86_64.tar", "kiosk-debian12-x86_64.tar", "release.pub"]
    missing = [name for name in names if not (built / name).is_file()]
    if missing:
        pytest.skip(f"dist/ has no {', '.join(missing)}: `make bundle` builds it")
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(built / name)
    build(folder, LATER, REPO)
    broken = folder.parent / "broken"
    tree = ("kiosk", "deploy", "pyproject.toml", "README.md", "LICENSE", "NOTICE", "config.yaml")
    for name in (*tree, "requirements"):
        source = REPO / name
        skip = shutil.ignore_patterns("__pycache__", "build", "media")
        if source.is_dir():
            shutil.copytree(source, broken / name, ignore=skip)
        else:
            broken.mkdir(exist_ok=True)
            shutil.copy(source, broken)
    # It comes up, says that it is ready, and never has an advert shown.
    schedule = broken / "kiosk/player/screens.py"
    text = schedule.read_text()
    spoilt = text.replace('"type": "prepare"', '"type": "forgotten"')
    assert spoilt != text
    schedule.write_text(spoilt)
    build(folder, BROKEN, broken)
    return folder


def build(folder: Path, version: str, source: Path) -> None:
    """Build the release of another version, or of another tree."""
    done = subprocess.run(
        [REPO / "deploy/bundle/bundle.sh"],
        env=os.environ
        | {
            "ARCHES": "x86_64",
            "PARTS": "release",
            "SOURCE": str(source),
            "VERSION": version,
            "DIST": str(folder),
        },
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Boxes that were blank, provisioned by `site.yml` from the bundle, with no internet."""
    lacking = is_equipped()
    if lacking:
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("operator")
    bundles = _bundles(folder / "bundles")
    with town([OFFICE, WINDOW, DOOR]) as boxes:
        for name in (WINDOW, DOOR):
            shutil.copy(clip(), boxes[name].root / FOOTAGE.lstrip("/"))
            dropin = boxes[name].root / "etc/systemd/system/kiosk-screen.service.d/headless.conf"
            dropin.parent.mkdir(parents=True)
            dropin.write_text(HEADLESS)
        controller = Controller(
            boxes,
            folder / "controller",
            bundles,
            __version__,
            hosts=HOSTS,
            everybody=_everybody(bundles, folder),
            secrets={
                "vault_kiosk_check": "opened",
                "vault_kiosk_ca_passphrase": "a passphrase of this test",
                "vault_kiosk_operator_password": "a password of this test",
            },
        )
        first = controller.play("site")
        assert first.code == 0, first.said[-8000:]
        yield Fleet(controller, first)


def settings_of(box: Box) -> dict[str, Any]:
    """A device's configuration."""
    loaded: dict[str, Any] = yaml.safe_load((box.root / "etc/kiosk/config.yaml").read_text())
    return loaded
