"""The product leaves a machine: what goes, and what stays."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.release.release_box import Box


def test_decommissioning_leaves_nothing_but_what_was_there(machine: Box) -> None:
    state_db = machine.root / "var/lib/kiosk/state.db"
    state_db.parent.mkdir(parents=True)
    state_db.write_text("counts")
    assert machine.answer("remove") == {"changed": True}
    assert not (machine.root / "opt/kiosk").exists()
    left = [path for path in (machine.root / "usr/local").rglob("*") if path.is_symlink()]
    assert left == []
    assert list((machine.root / "etc").rglob("*kiosk*")) == []
    assert state_db.read_text() == "counts"
    assert "systemctl disable --quiet --now kiosk.target" in machine.commands()
    assert machine.answer("remove") == {"changed": False}


def test_a_command_of_another_s_stays(machine: Box) -> None:
    command = machine.root / "usr/local/bin/kiosk"
    command.unlink()
    command.write_text("of somebody else")
    machine.answer("activate", "2.0", "--settle-s", "0.02")
    assert command.read_text() == "of somebody else"
    machine.answer("remove")
    assert [path.name for path in command.parent.iterdir()] == ["kiosk"]


@pytest.mark.skipif(os.geteuid() != 0, reason="a folder is mounted, which takes root")
def test_a_product_s_folder_that_is_a_mount_point_is_emptied_and_stays(machine: Box) -> None:
    product = machine.root / "opt/kiosk"
    subprocess.run(["mount", "--bind", product, product], check=True)
    try:
        done = machine.run("remove")
        left = list(product.iterdir())
        again = machine.answer("remove")
    finally:
        subprocess.run(["umount", product], check=True)
    assert (done.code, done.said, left) == (0, "", [])
    assert done.out == (
        f"kiosk was removed; {product} is empty and stays, because it is a mount point\n"
    )
    assert again == {"changed": False, "mount_point": str(product)}
