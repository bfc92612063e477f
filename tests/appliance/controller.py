"""The machine that Ansible runs on: the project's own playbooks against the boxes of a town."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.appliance.town import Town
from tests.containers.root import REPO

ANSIBLE = REPO / "ansible"
TOOLS = REPO / ".venv-deploy/bin"
PLAY_S = 1800.0
RECAP = re.compile(
    r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE
)
CHANGED = re.compile(r"^changed: \[([^\]]+)\]", re.MULTILINE)


@dataclass(frozen=True)
class Played:
    """What a playbook came to.

    Attributes:
        code: ansible-playbook's exit code.
        said: everything it printed.
        took_s: how long it took.
    """

    code: int
    said: str
    took_s: float

    @property
    def changed(self) -> dict[str, int]:
        """Changed tasks by host."""
        return {found[0]: int(found[2]) for found in RECAP.findall(self.said)}

    @property
    def failed(self) -> dict[str, int]:
        """Failed tasks by host; a host that cannot be reached counts as failed."""
        return {found[0]: int(found[3]) + int(found[4]) for found in RECAP.findall(self.said)}

    def changes(self) -> str:
        """Which tasks changed something, for a message."""
        lines, task = [], ""
        for line in self.said.splitlines():
            if line.startswith("TASK ["):
                task = line
            elif line.startswith("changed: ["):
                lines.append(f"{task} {line}")
        return "\n".join(lines)


@dataclass
class Controller:
    """An inventory, a vault, and the playbooks.

    Attributes:
        town: the boxes; those that are on can be reached.
        folder: of the inventory and of what Ansible keeps.
        bundles: folder of the bundles.
        version: that is rolled out.
    """

    town: Town
    folder: Path
    bundles: Path
    version: str
    hosts: dict[str, Any]
    everybody: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Write the inventory, and the secrets into a vault."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write_hosts(self.hosts)
        group = self.folder / "inventory/group_vars/all"
        group.mkdir(parents=True, exist_ok=True)
        (group / "main.yml").write_text(yaml.safe_dump(self.everybody))
        self.password = self.folder / "vault-password"
        self.password.write_text("the password of this test's vault\n")
        vault = group / "vault.yml"
        vault.write_text(yaml.safe_dump(self.secrets))
        subprocess.run(
            [TOOLS / "ansible-vault", "encrypt", "--vault-password-file", self.password, vault],
            check=True,
            capture_output=True,
            cwd=ANSIBLE,
        )

    def write_hosts(self, hosts: dict[str, Any]) -> None:
        """Write which machine is what."""
        path = self.folder / "inventory/hosts.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(hosts, sort_keys=False))

    def play(
        self, playbook: str, *arguments: str, password: Path | None = None, **extra: object
    ) -> Played:
        """Run a playbook.

        Args:
            playbook: its name in ansible/.
            arguments: for ansible-playbook.
            password: another file of the vault's password.
            extra: variables that go before all others.
        """
        command: list[str] = [str(TOOLS / "ansible-playbook"), f"{playbook}.yml"]
        command += ["-i", str(self.town.write_inventory()), "-i", str(self.folder / "inventory")]
        command += ["--vault-password-file", str(password or self.password)]
        given = {"kiosk_version": self.version} | extra
        command += ["-e", yaml.safe_dump(given, default_flow_style=True, width=10_000)]
        began = time.monotonic()
        done = subprocess.run(
            [*command, *arguments],
            cwd=ANSIBLE,
            capture_output=True,
            text=True,
            check=False,
            timeout=PLAY_S,
            env=os.environ
            | {
                "ANSIBLE_HOME": str(self.folder / "home"),
                "ANSIBLE_LOCAL_TEMP": str(self.folder / "home/tmp"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_FORCE_COLOR": "0",
                "PATH": f"{TOOLS}:{os.environ['PATH']}",
            },
        )
        said = done.stdout + done.stderr
        (self.folder / f"{playbook}-{time.time():.0f}.log").write_text(said)
        return Played(done.returncode, said, time.monotonic() - began)


def is_equipped() -> str:
    """What is missing to play; empty when nothing is."""
    if os.geteuid() != 0:
        return "boxes need root to be booted"
    for program in ("debootstrap", "systemd-nspawn", "nsenter", "openssl"):
        if shutil.which(program) is None:
            return f"{program} is not installed: `make setup` installs it"
    if not (TOOLS / "ansible-playbook").exists():
        return "Ansible is not here: `make bundle` installs it"
    return ""
