"""The role base, and what it and head office say of one another."""

from __future__ import annotations

import json
import os
import pwd
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kiosk.central.office import media_origin
from kiosk.config import load_settings
from tests.ansible.playing import ANSIBLE, Bench, role, said_in_one_line, written

ME = pwd.getpwuid(os.getuid()).pw_name
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB somebody\n"

# ---- Who is let in -----------------------------------------------------------------------------


def test_nobody_is_locked_out_by_the_end_of_passwords(bench: Bench) -> None:
    cases: dict[str, tuple[str, dict[str, Any], bool]] = {
        "window": ("", {}, False),
        "comments": ("# none yet\n\n", {}, False),
        "keyed": (KEY, {}, True),
        "stranger": ("", {"kiosk_ssh_keys": [KEY], "kiosk_ssh_user": "another"}, False),
        "later": ("", {"kiosk_ssh_keys": [KEY], "kiosk_ssh_user": ME}, True),
        "passwords": ("", {"kiosk_ssh_hardening": False}, True),
    }
    for name, (keys, given, _) in cases.items():
        bench.by_ssh(name, keys=keys).update(given)
    failed, said = bench.play([role("base", "caller")])
    assert failed == {name for name, (*_, is_let_in) in cases.items() if not is_let_in}, said
    assert "has no key in its authorized_keys" in said_in_one_line(said)


def test_the_firewall_does_not_shut_its_operator_out(bench: Bench) -> None:
    cases: dict[str, tuple[str, list[str], bool]] = {
        "window": ("192.0.2.9", [], True),
        "network": ("192.0.2.9", ["192.0.2.0/24"], True),
        "mapped": ("::ffff:192.0.2.9", ["192.0.2.9"], True),
        "elsewhere": ("203.0.113.5", ["192.0.2.0/24"], False),
        "six": ("2001:db8::5", ["192.0.2.0/24", "2001:db8::/64"], True),
    }
    for name, (caller, networks, _) in cases.items():
        bench.by_ssh(name, caller, KEY)["kiosk_ssh_from"] = networks
    failed, said = bench.play([role("base", "caller")])
    assert failed == {name for name, (*_, is_let_in) in cases.items() if not is_let_in}, said
    assert "sees you at 203.0.113.5, which is not in kiosk_ssh_from" in said_in_one_line(said)


def test_the_firewall_opens_the_port_that_sshd_has_not_the_one_that_is_forwarded(
    bench: Bench,
) -> None:
    bench.by_ssh("window", keys=KEY)["ansible_port"] = 2201
    text = _rules(bench, [role("base", "session")], kiosk_ssh_from=["192.0.2.0/24"])
    assert "ip saddr { 192.0.2.0/24 } tcp dport 22 accept" in text
    assert "2201" not in text


def test_who_is_in_without_ssh_is_asked_nothing(bench: Bench) -> None:
    failed, said = bench.play([role("base", "caller")], kiosk_ssh_from=["192.0.2.0/24"])
    assert not failed, said


# ---- The firewall and head office's media ------------------------------------------------------


def _office(bench: Bench, groups: tuple[str, ...] = ("broker", "central"), **given: Any) -> None:
    bench.hosts["office"] = {"ansible_host": "10.0.0.5", "kiosk_central_port": 8771} | given
    bench.groups |= {group: ["office"] for group in groups}


@pytest.mark.parametrize(
    ("groups", "given", "origin"),
    [
        (("broker", "central"), {}, "https://office.example:8771/media/"),
        (("central",), {}, "https://10.0.0.5:8771/media/"),
        pytest.param(
            ("central",),
            {"kiosk_central_name": "pages.example"},
            "https://pages.example:8771/media/",
            marks=pytest.mark.long,
        ),
        pytest.param(
            ("broker", "central"),
            {"kiosk_central_config": {"central": {"web": {"public_url": "https://a.example"}}}},
            "https://a.example/media/",
            marks=pytest.mark.long,
        ),
        ((), {}, None),
    ],
    ids=["one machine", "two machines", "a name of its own", "behind a proxy", "no office"],
)
def test_a_device_takes_media_from_head_office_and_its_firewall_lets_it(
    bench: Bench, groups: tuple[str, ...], given: dict[str, Any], origin: str | None
) -> None:
    _office(bench, groups, **given)
    everybody = {
        "kiosk_tenant": "acme",
        "kiosk_site": "one",
        "kiosk_profile": "nuc",
        "kiosk_pki_dir": str(bench.folder),
        "kiosk_broker_host": "office.example",
    }
    goal = bench.folder / "config.yaml"
    failed, said = bench.play(written("device", "config.yaml.j2", goal), **everybody)
    assert not failed, said
    assert load_settings(goal).desired.media_origins == ([origin] if origin else [])
    rules = _rules(bench, **everybody)
    port = {None: None, "https://a.example/media/": 443}.get(origin, 8771)
    assert ("have the media of campaigns" in rules) == (port is not None)
    assert port is None or f"tcp dport {port} accept" in rules


@pytest.mark.parametrize("together", [True, False], ids=["with the broker", "alone"])
def test_head_office_says_the_same_origin_and_has_a_certificate_for_it(
    bench: Bench, together: bool
) -> None:
    _office(bench, ("broker", "central") if together else ("central",))
    bench.groups["central"] = ["window"]
    bench.groups["devices"] = []
    if together:
        bench.groups["broker"] = ["window"]
    bench.hosts["window"]["kiosk_central_port"] = 8771
    goal = bench.folder / "central.yaml"
    tasks = written("central", "central.yaml.j2", goal)
    tell = {"names": "{{ kiosk_central_names }}", "origin": "{{ fleet_media_origin }}"}
    put = {"content": "{{ tell | to_json }}", "dest": f"{goal}.json", "mode": "0644"}
    tasks.append({"ansible.builtin.copy": put})
    failed, said = bench.play(
        tasks, kiosk_version="1.0.0", kiosk_broker_host="office.example", tell=tell
    )
    assert not failed, said
    told = json.loads(Path(f"{goal}.json").read_text())
    origin = media_origin(load_settings(goal))
    assert origin == told["origin"]
    assert origin.removeprefix("https://").split(":")[0] in told["names"]


def test_a_machine_that_leaves_keeps_its_firewall_without_kiosk_s_ports(bench: Bench) -> None:
    _office(bench)
    given = {"kiosk_broker_host": "office.example", "kiosk_ssh_from": ["192.0.2.0/24"]}
    rules = _rules(bench, base_in_fleet=False, **given)
    assert "ip saddr { 192.0.2.0/24 } tcp dport 22 accept" in rules
    assert "8883" not in rules
    assert "8771" not in rules
    assert "kiosk" not in rules
    assert rules.count("policy drop") == 3


def _rules(bench: Bench, before: list[dict[str, Any]] | None = None, **given: Any) -> str:
    goal = bench.folder / "nftables.conf"
    failed, said = bench.play(
        [*(before or []), *written("base", "nftables.conf.j2", goal)], **given
    )
    assert not failed, said
    return goal.read_text()


# ---- Upgrades ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offline", "pattern"),
    [
        (True, "label=kiosk"),
        (False, "origin=Debian,codename=${distro_codename}-security,label=Debian-Security"),
    ],
)
def test_security_upgrades_come_from_where_the_packages_come_from(
    bench: Bench, offline: bool, pattern: str
) -> None:
    goal = bench.folder / "unattended"
    failed, said = bench.play(written("base", "unattended.conf.j2", goal), kiosk_offline=offline)
    assert not failed, said
    found = subprocess.run(
        ["apt-config", f"--config-file={goal}", "dump", "Unattended-Upgrade::Origins-Pattern"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.findall(r'"(.+)"', found) == [pattern]


# ---- A root that forgets -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "is_taken"),
    [("overlayroot overlay", False), ("/dev/vda2 ext4", True)],
)
def test_what_would_be_forgotten_at_the_next_start_is_refused(
    bench: Bench, root: str, is_taken: bool
) -> None:
    bench.program("findmnt", f"#!/bin/sh\necho '{root}'\n")
    failed, said = bench.play([role("preflight", "machine")], facts=True, kiosk_profile=_profile())
    assert bool(failed) != is_taken, said
    if not is_taken:
        assert "would be undone at the next start" in said_in_one_line(said)


def _profile() -> str:
    return {"x86_64": "nuc", "aarch64": "rpi"}[subprocess.getoutput("uname -m")]


def test_decommission_looks_at_the_root_before_it_shuts_a_device_out() -> None:
    [_, play, _] = yaml.safe_load((ANSIBLE / "decommission.yml").read_text())
    first = next(iter(play["tasks"]))
    assert first["ansible.builtin.import_role"] == {"name": "preflight", "tasks_from": "root"}
