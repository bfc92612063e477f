"""Probes that run with exactly the confinement of a shipped unit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.containers.booting import Machine
from tests.containers.root import REPO

UNITS = REPO / "deploy/systemd"
PROBE = "/opt/probe/container_probe.py"
ITS_OWN = ("Type=", "ExecStart=", "Restart=", "RestartSec=", "WatchdogSec=", "TimeoutStartSec=")
"""What says how the service runs, not what it may do; everything else of [Service] is kept."""

Outcome = dict[str, str | None]


def confined(service: str, command: str) -> str:
    """A unit with the [Service] section of a shipped one, and another command."""
    lines = (UNITS / f"{service}.service").read_text(encoding="utf-8").splitlines()
    section = lines[lines.index("[Service]") + 1 : lines.index("[Install]")]
    kept = [line for line in section if line and not line.startswith(("#", *ITS_OWN))]
    assert len(kept) > 20, "the shipped unit was not understood"
    return "\n".join(["[Service]", "Type=oneshot", f"ExecStart={command}", *kept, ""])


def install_probe(machine: Machine) -> None:
    """Put the probe where every unit can read it."""
    folder = machine.root / "opt/probe"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("container_probe.py"), folder)


def probe_inside(machine: Machine, service: str, told: dict[str, Any]) -> Outcome:
    """What an attempt comes to within the confinement of a service."""
    unit = f"probe-{service}.service"
    argument = json.dumps(told).replace('"', '\\"')
    text = confined(service, f'/usr/bin/python3 {PROBE} "{argument}"')
    (machine.root / "etc/systemd/system" / unit).write_text(text, encoding="utf-8")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", unit)
    return _said(machine.run("journalctl", "--no-pager", "-o", "cat", f"_SYSTEMD_UNIT={unit}"))


def probe_as(machine: Machine, user: str, told: dict[str, Any]) -> Outcome:
    """The same as a user without any confinement."""
    return _said(machine.run("setpriv", f"--reuid={user}", "--clear-groups", "--regid", user,
                             "/usr/bin/python3", PROBE, json.dumps(told)))  # fmt: skip


def probe_free(machine: Machine, told: dict[str, Any]) -> Outcome:
    """The same as root without any confinement: what shows that the attempts are real."""
    raised = ["sh", "-c", 'ulimit -c unlimited; exec "$@"', "-"]
    return _said(machine.run(*raised, "/usr/bin/python3", PROBE, json.dumps(told)))


def _said(text: str) -> Outcome:
    line = next(line for line in text.splitlines() if line.startswith("{"))
    return dict(json.loads(line))
