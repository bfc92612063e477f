"""Updates under a real systemd: confirmed, rolled back by themselves, cut off by a power cut."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.containers.booting import (
    INIT,
    Machine,
    child,
    control_groups,
    is_up,
    overlay,
    power_off,
)
from tests.containers.root import CACHE, mirror, release, run
from tests.mosquitto import wait_for
from tests.release.release_stubs import Stub, make_bundle, make_key, make_zipapp

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("systemd-nspawn") is None,
        reason="a machine is booted in a container, which takes root and systemd-nspawn",
    ),
]

SYSTEM = ["systemd", "systemd-sysv", "dbus", "udev", "python3", "python3-venv", "openssl"]
PROGRAM = "/opt/kiosk/bin/kiosk-release"
TRIAL = ("--deadline-s", "20", "--settle-s", "3")
RELEASES = {"1.0": "well", "2.0": "well", "2.1": "exits", "2.2": "hangs"}

Power = Callable[[], AbstractContextManager[Machine]]


class Shop(Machine):
    """The machine, while it runs."""

    def release(self, *command: str) -> tuple[dict[str, Any], str]:
        """Run the release manager; its answer and, if it failed, its sentence."""
        done = subprocess.run(
            ["nsenter", "--target", str(self._leader), "--all", "--", PROGRAM, *command, "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return json.loads(done.stdout), done.stderr

    def current(self) -> str:
        return self.run("readlink", "/opt/kiosk/current").strip().removeprefix("releases/")

    def is_on_trial(self) -> bool:
        return (self.root / "opt/kiosk/pending.json").exists()

    def outcome(self, version: str) -> str:
        listed, _ = self.release("list")
        return next(str(each["state"]) for each in listed["releases"] if each["version"] == version)

    def is_well(self) -> bool:
        """Both services are active, and nothing else of ours failed."""
        units = ("kiosk.target", "kiosk-director.service", "kiosk-uplink.service")
        return all(self.show(unit, "ActiveState") == "active" for unit in units)

    def cut(self) -> None:
        """End everything at once, as a pulled plug does."""
        os.kill(self._leader, signal.SIGKILL)


@contextmanager
def powered(root: Path) -> Iterator[Shop]:
    """Have the machine run."""
    with control_groups() as groups:
        command = ["systemd-nspawn", "--quiet", "-D", str(root), "-M", f"kiosk-test-{os.getpid()}"]
        command += ["--register=no", "--keep-unit", "--private-network", "--console=pipe"]
        command += ["--capability=all", "--kill-signal=SIGRTMIN+3", "/opt/init.sh"]

        def join_groups() -> None:
            for group in groups:
                (group / "cgroup.procs").write_text(str(os.getpid()))

        nspawn = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"SYSTEMD_SECCOMP": "0"},
            preexec_fn=join_groups,  # noqa: PLW1509 - before any thread of the child
        )
        try:
            wait_for(lambda: is_up(child(nspawn.pid)), "the machine's boot", 60)
            yield Shop(root, child(nspawn.pid))
        finally:
            power_off(nspawn)


def debian() -> Path:
    """A Debian root with what `kiosk-release` needs; built once."""
    name = hashlib.sha256(" ".join([release(), *SYSTEM]).encode()).hexdigest()[:12]
    root = CACHE / f"release-{release()}-{name}"
    if not root.is_dir():
        partial = root.with_name(f"{root.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        wanted = "--include=" + ",".join(SYSTEM)
        run("debootstrap", "--variant=minbase", wanted, release(), str(partial), mirror())
        partial.rename(root)
    return root


@pytest.fixture(scope="module")
def delivered() -> Iterator[Path]:
    """A machine, powered off, on which 1.0 ran and was confirmed, and the others lie beside."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="kiosk-release-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        root = stack.enter_context(overlay(debian(), folder))
        key = make_key(folder)
        product = root / "opt/kiosk"
        (product / "trusted").mkdir(parents=True)
        shutil.copy(key.with_suffix(".pub"), product / "trusted/release.pub")
        (product / "bin").mkdir()
        make_zipapp(product / "bin/kiosk-release")
        (root / "opt/init.sh").write_text(INIT)
        (root / "opt/init.sh").chmod(0o755)
        (root / "etc/kiosk").mkdir()
        (root / "etc/kiosk/config.yaml").write_text("{}")
        with powered(root) as shop:
            for version, behaviour in RELEASES.items():
                bundle = make_bundle(folder, key, Stub(version, behaviour))
                shutil.move(bundle, root / "srv" / bundle.name)
                answer, said = shop.release("install", f"/srv/{bundle.name}")
                assert answer["changed"], said
            answer, said = shop.release("activate", "1.0", "--wait", *TRIAL)
            assert answer.get("outcome") == "confirmed", said + shop.journal("kiosk-confirm")
            assert shop.is_well()
            (root / "var/lib/kiosk/state.db").write_text("counts and plays")
        yield root


@pytest.fixture
def power(delivered: Path, tmp_path: Path) -> Iterator[Power]:
    """Switch a machine of one's own on, as often as one likes."""
    folder = Path(tempfile.mkdtemp(prefix="kiosk-release-", dir="/var/tmp"))
    try:
        with overlay(delivered, folder) as root:
            yield lambda: powered(root)
            assert (root / "var/lib/kiosk/state.db").read_text() == "counts and plays"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_good_release_is_confirmed_and_can_be_left_again(power: Power) -> None:
    with power() as shop:
        # It came up with the machine, its folders were made, and nothing was on trial.
        assert shop.is_well()
        assert shop.run("stat", "-c", "%U %a", "/run/kiosk").split() == ["kiosk-director", "2750"]
        assert shop.show("kiosk-confirm.service", "ConditionResult") == "no"
        before = shop.main_pid("kiosk-uplink")
        answer, said = shop.release("activate", "2.0", "--wait", *TRIAL)
        assert (answer["outcome"], answer["changed"]) == ("confirmed", True), said
        assert (shop.current(), shop.is_on_trial(), shop.is_well()) == ("2.0", False, True)
        assert shop.main_pid("kiosk-uplink") != before
        program = shop.run("cat", f"/proc/{shop.main_pid('kiosk-director')}/cmdline")
        assert "/releases/2.0/" in program
        journal = shop.run("journalctl", "-o", "cat", "-t", "kiosk-release")
        assert "event=release_confirmed version=2.0 from=1.0" in journal
        answer, said = shop.release("rollback")
        assert answer.get("version") == "1.0", said + shop.journal("kiosk-confirm")
        assert (shop.current(), shop.is_well()) == ("1.0", True)
        assert shop.outcome("2.0") == "rolled_back"


@pytest.mark.parametrize("version", ["2.1", "2.2"], ids=["exits", "hangs"])
def test_a_release_whose_director_does_not_come_up_goes_by_itself(
    power: Power, version: str
) -> None:
    with power() as shop:
        untouched = shop.main_pid("kiosk-uplink")
        answer, said = shop.release("activate", version, "--wait", *TRIAL)
        assert answer.get("outcome") == "rolled_back", said + shop.journal("kiosk-confirm")
        assert f"release {version} was rolled back to 1.0: kiosk-director.service" in said
        assert (shop.current(), shop.is_on_trial(), shop.is_well()) == ("1.0", False, True)
        # All but the director went on as if nothing had been.
        assert shop.main_pid("kiosk-uplink") == untouched
        warnings = shop.run("journalctl", "-o", "cat", "-p", "warning", "-t", "kiosk-release")
        assert f"event=release_rolled_back version={version} to=1.0" in warnings
        _, said = shop.release("activate", version)
        assert f"release {version} was rolled back on" in said


@pytest.mark.parametrize(
    ("version", "end"), [("2.0", "confirmed"), ("2.2", "rolled_back")], ids=["good", "hangs"]
)
def test_a_trial_that_a_power_cut_ended_is_taken_up_by_the_next_boot(
    power: Power, version: str, end: str
) -> None:
    with power() as shop:
        shop.release("activate", version, "--deadline-s", "20", "--settle-s", "8")
        wait_for(lambda: "kiosk" in shop.journal("kiosk-confirm"), "the trial's begin", 20)
        assert (shop.current(), shop.is_on_trial()) == (version, True)
        shop.cut()
    with power() as shop:
        wait_for(lambda: not shop.is_on_trial(), "the trial's end", 120)
        assert shop.outcome(version) == end, shop.journal("kiosk-confirm")
        assert shop.current() == (version if end == "confirmed" else "1.0")
        wait_for(shop.is_well, "all services", 20)


def test_a_second_power_cut_ends_the_trial(power: Power) -> None:
    for boots in range(2):
        with power() as shop:
            if boots == 0:
                shop.release("activate", "2.0", "--deadline-s", "60", "--settle-s", "300")
            pending = shop.root / "opt/kiosk/pending.json"

            def is_watched(pending: Path = pending, boots: int = boots) -> bool:
                return len(json.loads(pending.read_text())["boots"]) == boots

            wait_for(is_watched, "the trial", 20)
            wait_for(shop.is_well, "all services", 20)
            assert shop.current() == "2.0"
            shop.cut()
    with power() as shop:
        reason = "the machine started twice before it was confirmed"
        wait_for(lambda: reason in shop.journal("kiosk-confirm"), "the way back", 60)
        assert shop.current() == "1.0"


def test_the_trial_is_locked_up(power: Power) -> None:
    with power() as shop:
        table = shop.run("systemd-analyze", "security", "--no-pager", "kiosk-confirm.service")
        exposure = float(table.strip().splitlines()[-1].split(":")[1].split()[0])
        assert exposure <= 3.5, table


def test_decommissioning_leaves_nothing(power: Power) -> None:
    with power() as shop:
        answer, said = shop.release("remove")
        assert answer == {"changed": True}, said
        assert shop.run("systemctl", "list-units", "--no-legend", "--all", "kiosk*").strip() == ""
        places = ("/opt", "/usr/local", "/etc/systemd", "/etc/udev", "/run/systemd")
        assert shop.run("find", *places, "-name", "*kiosk*").strip() == ""
