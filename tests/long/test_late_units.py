"""A read-only root: the units are on a partition that is mounted after systemd has read units."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.booting import overlay
from tests.containers.root import REPO
from tests.long.test_release_systemd import delivered, powered, pytestmark
from tests.mosquitto import wait_for

__all__ = ["delivered", "pytestmark"]

UNIT = REPO / "ansible/roles/base/files/kiosk-late.service"
FSTAB = "/data/opt/kiosk /opt/kiosk none bind 0 0\n"


@pytest.fixture
def root(delivered: Path) -> Iterator[Path]:
    """A machine whose product is mounted from elsewhere, as the playbooks leave it."""
    folder = Path(tempfile.mkdtemp(prefix="kiosk-late-", dir="/var/tmp"))
    try:
        with overlay(delivered, folder) as found:
            (found / "data/opt").mkdir(parents=True)
            subprocess.run(["cp", "-a", found / "opt/kiosk", found / "data/opt/"], check=True)
            shutil.rmtree(found / "opt/kiosk")
            (found / "opt/kiosk").mkdir()
            (found / "etc/fstab").write_text(FSTAB)
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _install(root: Path) -> None:
    units = root / "etc/systemd/system"
    shutil.copy(UNIT, units)
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    (units / "multi-user.target.wants" / UNIT.name).symlink_to(f"../{UNIT.name}")


def test_without_our_unit_nothing_of_kiosk_comes_up(root: Path) -> None:
    with powered(root) as shop:
        assert shop.run("findmnt", "-no", "TARGET", "/opt/kiosk").strip() == "/opt/kiosk"
        assert shop.show("kiosk.target", "ActiveState") == "inactive"


def test_with_it_everything_comes_up_by_itself(root: Path) -> None:
    _install(root)
    with powered(root) as shop:
        wait_for(shop.is_well, "all services", 30)
        assert shop.show("kiosk-late.service", "Result") == "success"
        assert shop.show("kiosk-confirm.service", "ConditionResult") == "no"


def test_what_is_not_to_come_up_stays_down(root: Path) -> None:
    _install(root)
    (root / "etc/systemd/system/multi-user.target.wants/kiosk.target").unlink()
    with powered(root) as shop:
        wait_for(lambda: shop.show("kiosk-late.service", "ActiveState") == "active", "our unit", 30)
        assert shop.show("kiosk.target", "ActiveState") == "inactive"


def test_a_trial_that_a_power_cut_ended_is_taken_up(root: Path) -> None:
    _install(root)
    with powered(root) as shop:
        wait_for(shop.is_well, "all services", 30)
        shop.release("activate", "2.0", "--deadline-s", "20", "--settle-s", "8")
        wait_for(lambda: "kiosk" in shop.journal("kiosk-confirm"), "the trial's begin", 20)
        shop.cut()
    with powered(root) as shop:
        pending = root / "data/opt/kiosk/pending.json"
        wait_for(lambda: not pending.exists(), "the trial's end", 120)
        assert shop.outcome("2.0") == "confirmed", shop.journal("kiosk-confirm")
        wait_for(shop.is_well, "all services", 20)
