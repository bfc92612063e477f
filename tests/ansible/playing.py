"""Runs tasks of the project's roles against this machine, which they are not to change."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ANSIBLE = ROOT / "ansible"

RECAP = re.compile(r"^(\S+)\s+: ok=.*unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
FAKE_SSH = """#!/bin/sh
# An ssh that ends here: the command is its last argument.
[ "$1" = -V ] && exit 0
for last; do :; done
export SSH_CONNECTION="{caller} 40000 198.51.100.7 22" HOME="{home}"
exec sh -c "$last"
"""


def tool(name: str) -> str:
    """A program of Ansible's own environment, of whichever name the project gives that."""
    for folder in (ROOT / ".venv-deploy/bin", ROOT / ".venv-ansible/bin"):
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name, path=os.environ.get("KIOSK_ANSIBLE_BIN", os.environ["PATH"]))
    if found is None:
        pytest.skip(f"{name} is not here: `make bundle` makes Ansible's environment")
    return found


def run(*command: str, **environment: str) -> tuple[int, str]:
    """Run a command in ansible/; its code, and everything that it said."""
    done = subprocess.run(
        command,
        cwd=ANSIBLE,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1", "NO_COLOR": "1"} | environment,
    )
    return done.returncode, done.stdout + done.stderr


def said_in_one_line(text: str) -> str:
    """What Ansible folded, as it was written."""
    return re.sub(r"\s+", " ", text)


class Bench:
    """A playbook and an inventory of one's own, with the project's roles.

    Attributes:
        folder: the playbook is in its folder ``ansible``; whatever else a test needs is beside it.
        hosts: machines that are all this one, with their variables; the first is ``window``.
        groups: which machines are in which group.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "ansible").mkdir()
        (folder / "ansible/group_vars").symlink_to(ANSIBLE / "group_vars")
        for name in ("deploy", "kiosk"):
            (folder / name).symlink_to(ROOT / name)
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.hosts: dict[str, dict[str, Any]] = {"window": {}}
        self.groups: dict[str, list[str]] = {"devices": ["window"]}

    def program(self, name: str, text: str) -> Path:
        """Put a program before this machine's own of that name."""
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def play(
        self,
        tasks: Sequence[Mapping[str, Any]],
        *arguments: str,
        facts: bool = False,
        **extra: Any,
    ) -> tuple[set[str], str]:
        """Play tasks on all machines but the office; who failed, and everything that was said.

        Args:
            tasks: what is played.
            arguments: for ansible-playbook.
            facts: gather them.
            extra: variables that go before all others.
        """
        play = {"hosts": "all:!office", "gather_facts": facts, "tasks": list(tasks)}
        path = self.folder / "ansible/play.yml"
        path.write_text(yaml.safe_dump([play], sort_keys=False))
        everybody = {
            "ansible_connection": "local",
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        hosts = {name: everybody | given for name, given in self.hosts.items()}
        children = {group: {"hosts": dict.fromkeys(names)} for group, names in self.groups.items()}
        inventory = self.folder / "hosts.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts, "children": children}}))
        given = yaml.safe_dump(extra, default_flow_style=True, width=10_000)
        code, said = run(
            *(tool("ansible-playbook"), "-i", str(inventory), str(path), "-e", given, *arguments),
            ANSIBLE_CONFIG=str(ANSIBLE / "ansible.cfg"),
            ANSIBLE_ROLES_PATH=str(ANSIBLE / "roles"),
            ANSIBLE_HOME=str(self.folder / "home"),
            ANSIBLE_LOCAL_TEMP=str(self.folder / "home/tmp"),
            ANSIBLE_REMOTE_TEMP=str(self.folder / "home/remote"),
            PATH=f"{self.bin}:{os.environ['PATH']}",
        )
        found = {name: one != "0" or two != "0" for name, one, two in RECAP.findall(said)}
        assert set(found) >= set(hosts) - {"office"}, said
        failed = {name for name, is_bad in found.items() if is_bad}
        assert bool(code) == bool(failed), said
        return failed, said

    def by_ssh(self, name: str, caller: str = "192.0.2.9", keys: str = "") -> dict[str, Any]:
        """Have a machine reached by ssh, as its sshd would say it there; its variables."""
        home = self.folder / name
        (home / ".ssh").mkdir(parents=True)
        (home / ".ssh/authorized_keys").write_text(keys)
        text = FAKE_SSH.format(caller=caller, home=home)
        self.hosts[name] = {
            "ansible_connection": "ssh",
            "ansible_ssh_executable": str(self.program(f"ssh-{name}", text)),
        }
        return self.hosts[name]


def role(name: str, part: str = "main", **variables: Any) -> dict[str, Any]:
    """A task that runs a part of a role."""
    task: dict[str, Any] = {"ansible.builtin.include_role": {"name": name, "tasks_from": part}}
    return task | ({"vars": variables} if variables else {})


def written(name: str, template: str, goal: Path) -> list[dict[str, Any]]:
    """Tasks that write a role's template to a file of the test's."""
    files = [ANSIBLE / "roles" / name / part / "main.yml" for part in ("defaults", "vars")]
    load = [{"ansible.builtin.include_vars": {"file": str(path)}} for path in files]
    source = ANSIBLE / "roles" / name / "templates" / template
    put = {"ansible.builtin.template": {"src": str(source), "dest": str(goal), "mode": "0644"}}
    return [*load, put]
