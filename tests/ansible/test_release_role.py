"""The role release: kiosk-release on a device, and its replacement."""

from __future__ import annotations

import json
import subprocess
import tarfile

import pytest

from tests.ansible.playing import Bench, role, said_in_one_line
from tests.release.release_stubs import make_key, make_zipapp, sign


class Installed:
    """A product's folder on this machine, with a bundle to mend it from."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.folder = bench.folder / "product"
        self.tool = self.folder / "bin/kiosk-release"
        self.tool.parent.mkdir(parents=True)
        self.name = f"kiosk-1.0.0-{subprocess.getoutput('uname -m')}"
        self.key = make_key(bench.folder)

    def bundle(self, spoilt: bool = False) -> None:
        tree = self.bench.folder / self.name
        tree.mkdir()
        make_zipapp(tree / "kiosk-release")
        sign(tree, self.key)
        if spoilt:
            with (tree / "kiosk-release").open("ab") as file:
                file.write(b"and more")
        with tarfile.open(self.bench.folder / f"{self.name}.tar", "w") as tar:
            tar.add(tree, self.name)

    def look(self) -> tuple[set[str], str]:
        return self.bench.play(
            [role("release", "look")],
            facts=True,
            kiosk_version="1.0.0",
            kiosk_bundle_dir=str(self.bench.folder),
            kiosk_release_public_key=str(next(self.bench.folder.glob("*.pub"))),
            release_folder=str(self.folder),
            release_tool=str(self.tool),
        )


@pytest.fixture
def installed(bench: Bench) -> Installed:
    return Installed(bench)


@pytest.mark.long
def test_a_release_program_that_was_cut_short_is_put_in_place_anew(installed: Installed) -> None:
    installed.bundle()
    installed.tool.write_bytes(b"#!/usr/bin/python3 -I\nPK")
    installed.tool.chmod(0o755)
    failed, said = installed.look()
    assert not failed, said
    listed = subprocess.run(
        [installed.tool, "list", "--json"], capture_output=True, check=True, text=True
    )
    assert json.loads(listed.stdout)["current"] is None
    assert not (installed.folder / "incoming").exists()


def test_one_that_is_in_the_middle_of_a_switch_is_left_alone(installed: Installed) -> None:
    installed.bundle()
    installed.tool.write_bytes(b"#!/bin/false\n")
    installed.tool.chmod(0o755)
    (installed.folder / "pending.json").write_text("{}")
    failed, said = installed.look()
    assert failed
    assert "cannot say what is installed" in said_in_one_line(said)
    assert installed.tool.read_bytes() == b"#!/bin/false\n"


def test_a_release_program_that_nobody_signed_is_never_put_in_place(installed: Installed) -> None:
    installed.bundle(spoilt=True)
    installed.tool.write_bytes(b"#!/bin/false\n")
    installed.tool.chmod(0o755)
    failed, said = installed.look()
    assert failed
    assert "is not the one that was signed" in said_in_one_line(said)
    assert installed.tool.read_bytes() == b"#!/bin/false\n"
