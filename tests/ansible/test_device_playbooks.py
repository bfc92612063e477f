"""The playbooks for devices: what they refuse before anything is changed, and that they lint."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from kiosk.config import load_settings
from tests.ansible.playing import ANSIBLE, ROOT, run, tool

PLAYBOOKS = ("site", "provision", "update", "rollback", "collect-diagnostics")
PROFILES = sorted((ROOT / "deploy/profiles").glob("*.yaml"))


FLEET: Mapping[str, Any] = {
    "kiosk_tenant": "acme",
    "kiosk_timezone": "Europe/Berlin",
    "kiosk_version": "1.0.0",
    "kiosk_broker_host": "office",
    "kiosk_vault_check": "opened",
    "ansible_connection": "local",
    "ansible_become": False,
    "ansible_python_interpreter": "/usr/bin/python3",
}


class Fleet:
    """An inventory of devices that are all this machine; nothing of it is ever changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bundles = folder / "bundles"
        self.bundles.mkdir()
        (folder / "release.pub").write_text("no key")
        self.everybody = dict(FLEET) | {
            "kiosk_bundle_dir": str(self.bundles),
            "kiosk_release_public_key": str(folder / "release.pub"),
            "kiosk_pki_dir": str(folder / "pki"),
        }
        self.shops: dict[str, dict[str, dict[str, Any]]] = {
            "shop_one": {"window": {"kiosk_site": "one", "kiosk_profile": "nuc"}},
            "shop_two": {"door": {"kiosk_site": "two", "kiosk_profile": "nuc"}},
        }

    def refusal(self) -> str:
        """What the playbook says when it refuses, which it has to do before it changes anything."""
        children = {shop: {"hosts": hosts} for shop, hosts in self.shops.items()}
        # Facts of this machine are not needed to refuse an inventory.
        return self._refusal("update", {"devices": {"children": children}}, "explicit")

    def office_refusal(self, **given: Any) -> str:
        """The same of head office's playbook."""
        hosts = {"hosts": {"office": given}}
        return self._refusal("office", {"broker": hosts, "central": hosts}, "smart")

    def _refusal(self, playbook: str, groups: Mapping[str, Any], gathering: str) -> str:
        hosts = {"all": {"children": groups, "vars": self.everybody}}
        path = self.folder / "hosts.yml"
        path.write_text(yaml.safe_dump(hosts))
        code, said = run(
            *(tool("ansible-playbook"), "-i", str(path), f"{playbook}.yml"),
            # One that does not refuse must not set this machine up.
            "--check",
            ANSIBLE_GATHERING=gathering,
            ANSIBLE_HOME=str(self.folder / "home"),
            ANSIBLE_LOCAL_TEMP=str(self.folder / "home/tmp"),
        )
        assert code != 0, said
        assert "changed: [" not in said
        assert "Traceback" not in said
        return re.sub(r"\s+", " ", said)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_playbook_and_the_example_inventory_can_be_read(name: str) -> None:
    code, said = run(
        tool("ansible-playbook"), "-i", "inventories/example", f"{name}.yml", "--syntax-check"
    )
    assert code == 0, said


def test_the_example_has_two_shops_and_a_head_office() -> None:
    _, said = run(tool("ansible-inventory"), "-i", "inventories/example", "--list")
    groups = yaml.safe_load(said)
    assert set(groups["devices"]["children"]) == {"shop_harbour", "shop_station"}
    assert groups["central"]["hosts"] == groups["broker"]["hosts"] == ["office"]
    variables = groups["_meta"]["hostvars"]
    profiles = [variables[host]["kiosk_profile"] for host in variables if host != "office"]
    assert sorted(profiles) == ["nuc", "nuc", "rpi"]


def test_the_example_s_secrets_are_copied_as_the_guide_says(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(ANSIBLE / "inventories/example", mine)
    folder = mine / "group_vars/all"
    shutil.copy(folder / "vault.yml.example", folder / "vault.yml")
    code, said = run(tool("ansible-inventory"), "-i", str(mine), "--list")
    assert code == 0, said
    office = yaml.safe_load(said)["_meta"]["hostvars"]["office"]
    assert office["vault_kiosk_check"] == "opened"
    assert office["vault_kiosk_operator_password"] == ""
    assert office["kiosk_ssh_from"] == []


def test_a_missing_vault_is_said(fleet: Fleet) -> None:
    fleet.everybody["kiosk_vault_check"] = ""
    assert "The secrets are missing: vault_kiosk_check is not set." in fleet.refusal()


def test_a_wrong_vault_password_is_said(fleet: Fleet, tmp_path: Path) -> None:
    passwords = [tmp_path / "right", tmp_path / "wrong"]
    for path in passwords:
        path.write_text(path.name)
    folder = tmp_path / "group_vars/all"
    folder.mkdir(parents=True)
    (folder / "vault.yml").write_text("vault_kiosk_check: opened\n")
    vault = [tool("ansible-vault"), "encrypt", "--vault-password-file", str(passwords[0])]
    assert run(*vault, str(folder / "vault.yml"))[0] == 0
    (tmp_path / "hosts.yml").write_text("devices: {hosts: {window: }}\n")
    code, said = run(
        tool("ansible-playbook"),
        *("-i", str(tmp_path / "hosts.yml"), "--vault-password-file", str(passwords[1])),
        "update.yml",
    )
    assert code != 0
    assert "Decryption failed" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("key", "value"),
    [("kiosk_tenant", "ac/me"), ("kiosk_site", "number one"), ("kiosk_device", "window.example")],
)
def test_a_name_that_fits_no_topic_is_refused(fleet: Fleet, key: str, value: str) -> None:
    fleet.shops["shop_one"]["window"][key] = value
    assert f'{key} of window is "{value}"; it may have 1 to 64 letters' in fleet.refusal()


def test_names_that_fit_no_certificate_are_refused(fleet: Fleet) -> None:
    fleet.shops["shop_one"]["window"]["kiosk_device"] = "w" * 60
    assert "has 69 characters; tenant, site and device together may have 64" in fleet.refusal()


def test_a_time_zone_that_there_is_none_of_is_refused(fleet: Fleet) -> None:
    fleet.shops["shop_one"]["window"]["kiosk_timezone"] = "Europe/Stokholm"
    assert 'kiosk_timezone of window is "Europe/Stokholm"' in fleet.refusal()


def test_two_devices_of_one_name_are_refused(fleet: Fleet) -> None:
    fleet.shops["shop_one"]["side"] = fleet.shops["shop_one"]["window"] | {"kiosk_device": "window"}
    assert "side and window are both acme/one/window" in fleet.refusal()


def test_one_host_in_two_shops_is_refused(fleet: Fleet) -> None:
    fleet.shops["shop_two"]["window"] = {}
    assert "window is listed in shop_one and shop_two. Host names are unique" in fleet.refusal()


@pytest.mark.parametrize("key", ["kiosk_tenant", "kiosk_broker_host", "kiosk_timezone"])
def test_what_is_missing_is_named(fleet: Fleet, key: str) -> None:
    del fleet.everybody[key]
    assert f"missing required arguments: {key}" in fleet.refusal()


def test_an_unknown_profile_is_refused(fleet: Fleet) -> None:
    fleet.shops["shop_one"]["window"]["kiosk_profile"] = "toaster"
    assert "value of kiosk_profile must be one of: nuc, rpi, rpi-ncs2, nuc-ncs2" in fleet.refusal()


def test_a_read_only_root_that_would_lose_its_upgrades_is_refused(fleet: Fleet) -> None:
    fleet.everybody |= {"kiosk_readonly_root": True, "kiosk_unattended_upgrades": True}
    assert "kiosk_readonly_root and kiosk_unattended_upgrades exclude each other" in fleet.refusal()


def test_an_unknown_version_is_refused_and_those_that_are_here_are_named(fleet: Fleet) -> None:
    (fleet.bundles / "kiosk-0.9.0-x86_64.tar").write_bytes(b"")
    said = fleet.refusal()
    assert f"Version 1.0.0 is not in {fleet.bundles}" in said
    assert "there is no kiosk-1.0.0-x86_64.tar, only kiosk-0.9.0-x86_64.tar" in said


def test_a_half_copied_bundle_is_refused(fleet: Fleet) -> None:
    (fleet.bundles / "kiosk-1.0.0-x86_64.tar").write_bytes(b"\0" * 700)
    assert "kiosk-1.0.0-x86_64.tar" in fleet.refusal()


def test_a_missing_key_is_said(fleet: Fleet) -> None:
    (fleet.folder / "release.pub").unlink()
    assert "release.pub, and there is no such file. It is made by `make bundle`" in fleet.refusal()


def test_packages_that_were_not_carried_along_are_said(fleet: Fleet) -> None:
    (fleet.bundles / "kiosk-1.0.0-x86_64.tar").write_bytes(b"")
    fleet.everybody["kiosk_offline"] = True
    assert "kiosk_offline is true, but there is no" in fleet.refusal()


SECRETS = {
    "vault_kiosk_ca_passphrase": "a passphrase of a test",
    "vault_kiosk_operator_password": "a password of a test",
}
BUNDLE = f"kiosk-1.0.0-{platform.machine()}.tar"


def test_head_office_takes_no_bundle_that_is_not_whole_and_signed(fleet: Fleet) -> None:
    (fleet.bundles / BUNDLE).write_bytes(b"\0" * 700)
    assert BUNDLE in fleet.office_refusal(**SECRETS)


def test_head_office_takes_no_packages_that_are_not_signed(fleet: Fleet) -> None:
    fleet.everybody["kiosk_offline"] = True
    (fleet.bundles / BUNDLE).write_bytes(b"")
    assert "kiosk_offline is true, but there is no" in fleet.office_refusal(**SECRETS)


def test_head_office_without_its_secrets_is_refused(fleet: Fleet) -> None:
    said = fleet.office_refusal(**SECRETS | {"vault_kiosk_operator_password": "short"})
    assert "vault_kiosk_operator_password has fewer than 10 characters" in said


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_is_a_part_of_the_configuration(path: Path) -> None:
    # Unknown keys are refused where the file is read.
    assert load_settings(path).seeing.inference.fallback[-1] == "CPU"


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_is_known_to_the_playbooks(path: Path) -> None:
    known = yaml.safe_load((ANSIBLE / "roles/preflight/vars/main.yml").read_text())
    assert path.stem in known["preflight_arches"]


@pytest.mark.long
def test_the_playbooks_pass_the_strictest_profile_of_the_linter() -> None:
    code, said = run(
        tool("ansible-lint"), "--offline", "--profile", "production", "-q", "--nocolor"
    )
    assert code == 0, said
