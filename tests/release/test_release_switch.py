"""Installing, switching and going back, on a machine in a folder."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.release.release_box import KILLED, Box
from tests.release.release_stubs import Stub, make_bundle, make_zipapp

QUICK = ("--deadline-s", "0.3", "--settle-s", "0.02")


def state(box: Box, version: str) -> str:
    """What the list says of a release."""
    releases = box.answer("list")["releases"]
    return next(str(each["state"]) for each in releases if each["version"] == version)


def test_the_same_sources_give_the_same_program(tmp_path: Path) -> None:
    first, second = make_zipapp(tmp_path / "first"), make_zipapp(tmp_path / "second")
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_mode & stat.S_IXOTH


@pytest.mark.parametrize(
    "command", ["verify", "install", "activate", "confirm", "rollback", "list", "prune", "remove"]
)
def test_every_command_shows_an_example(works: Path, command: str) -> None:
    program = [str(works / "kiosk-release"), command, "--help"]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert f"Example: kiosk-release {command}" in " ".join(done.stdout.split())


def test_an_installed_release_is_whole_and_holds_no_wheel(installed: Box) -> None:
    folder = installed.root / "opt/kiosk/releases/1.0"
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        ".venv",
        "complete.json",
        "lib",
        "manifest.json",
        "models_ir",
        "requirements-device.txt",
        "sbom.cdx.json",
    ]
    assert list(folder.rglob("*.whl")) == []
    assert list(folder.glob(".venv/lib/python3*/site-packages/__pycache__/kiosk_stub.*.pyc"))
    said = subprocess.run([folder / ".venv/bin/kiosk", "status"], capture_output=True, check=True)
    assert json.loads(said.stdout)["version"] == "1.0"


def test_a_first_install_links_the_system_to_the_current_release(installed: Box) -> None:
    root = installed.root
    for kind in ("systemd/system", "sysusers.d", "tmpfiles.d"):
        link = root / "usr/local/lib" / kind
        assert str(link.readlink()) == f"/opt/kiosk/current/lib/{kind}"
    assert str((root / "opt/kiosk/current").readlink()) == "releases/1.0"
    commands = {path.name: str(path.readlink()) for path in (root / "usr/local/bin").iterdir()}
    assert commands == {
        "kiosk": "/opt/kiosk/current/.venv/bin/kiosk",
        "kiosk-release": "/opt/kiosk/bin/kiosk-release",
    }
    assert (root / "etc/udev/rules.d/70-kiosk.rules").read_text() == "# 1.0\n"
    own = Path(__file__).parents[2] / "deploy/release/kiosk-confirm.service"
    unit = root / "etc/systemd/system/kiosk-confirm.service"
    assert unit.read_text() == own.read_text()


def test_installing_again_changes_nothing(machine: Box, works: Path, tmp_path: Path) -> None:
    complete = machine.root / "opt/kiosk/releases/1.0/complete.json"
    bundle = make_bundle(tmp_path, works / "release.key", Stub("3.0"))
    assert machine.answer("install", str(bundle))["result"] == "changed"
    before = complete.read_text()
    answer = machine.answer("install", str(bundle))
    assert (answer["changed"], answer["result"]) == (False, "unchanged")
    assert "already installed" in machine.run("install", str(bundle)).out
    assert complete.read_text() == before
    done = machine.run("install", str(bundle), "--role", "central")
    assert (done.code, "is installed as device, not as central" in done.said) == (2, True)


def test_one_version_means_one_bundle(machine: Box, works: Path, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, works / "release.key", Stub("1.0", "exits"))
    done = machine.run("install", str(bundle))
    assert done.code == 2
    assert "release 1.0 is installed from another bundle" in done.said
    assert machine.folders() == ["1.0", "2.0"]


def test_a_package_that_pip_refuses_leaves_nothing(
    machine: Box, works: Path, tmp_path: Path
) -> None:
    def pin_another(tree: Path) -> None:
        pins = tree / "requirements-device.txt"
        pins.write_text(pins.read_text() + "missing==1.0 --hash=sha256:" + "0" * 64 + "\n")

    bundle = make_bundle(tmp_path, works / "release.key", Stub("3.0", before_sums=pin_another))
    done = machine.run("install", str(bundle))
    assert done.code == 1
    assert "the packages of release 3.0: ERROR:" in done.said
    assert machine.folders() == ["1.0", "2.0"]


def test_what_a_power_cut_left_of_an_install_goes_at_the_next(
    machine: Box, works: Path, tmp_path: Path
) -> None:
    bundle = make_bundle(tmp_path, works / "release.key", Stub("3.0"))
    # The second-last folder and later changes are in the midst of the files of the release.
    assert machine.run("install", str(bundle), kill_at=20).code == KILLED
    assert machine.folders() == ["1.0", "2.0", "3.0"]
    assert [each["version"] for each in machine.answer("list")["releases"]] == ["2.0", "1.0"]
    done = machine.run("activate", "3.0")
    assert (done.code, "release 3.0 is not installed here" in done.said) == (2, True)
    assert machine.answer("install", str(bundle))["result"] == "changed"
    assert not (machine.root / "opt/kiosk/releases/3.0/.wheels").exists()


def test_a_release_that_does_its_work_is_confirmed(machine: Box) -> None:
    assert machine.answer("activate", "2.0", *QUICK)["changed"] is True
    assert (machine.current(), machine.is_on_trial()) == ("2.0", True)
    assert state(machine, "2.0") == "on_trial"
    assert machine.answer("confirm")["outcome"] == "confirmed"
    assert (machine.current(), machine.is_on_trial()) == ("2.0", False)
    listed = machine.answer("list")
    assert (listed["current"], listed["previous"], listed["on_trial"]) == ("2.0", "1.0", None)
    assert machine.answer("activate", "2.0")["result"] == "unchanged"


def test_the_director_is_restarted_before_all_else(machine: Box) -> None:
    machine.answer("activate", "2.0", *QUICK)
    machine.answer("confirm")
    asked = [line for line in machine.commands() if " show " not in line]
    restarts = asked[asked.index("systemctl restart --no-block kiosk-confirm.service", -8) :]
    assert restarts[1:] == [
        "systemctl restart --no-block kiosk-director.service",
        "systemctl restart --no-block kiosk-uplink.service",
        "systemctl start --no-block kiosk.target",
    ]
    accounts = str(machine.root / "opt/kiosk/releases/2.0/lib/sysusers.d/kiosk.conf")
    assert f"systemd-sysusers {accounts}" in asked


def test_a_release_that_does_less_than_the_one_before_goes(machine: Box) -> None:
    machine.worse("1.0", "vision")
    machine.worse("2.0", "vision", "plays")
    machine.answer("activate", "2.0", *QUICK)
    done = machine.run("confirm")
    assert done.code == 1
    assert "release 2.0 was rolled back to 1.0: plays was ok and is fail" in done.said
    assert 'event=release_rolled_back version=2.0 to=1.0 reason="plays' in done.said
    assert (machine.current(), state(machine, "2.0")) == ("1.0", "rolled_back")
    assert (machine.root / "etc/udev/rules.d/70-kiosk.rules").read_text() == "# 1.0\n"
    again = machine.run("activate", "2.0")
    assert (again.code, "release 2.0 was rolled back on" in again.said) == (2, True)
    assert machine.current() == "1.0"
    machine.worse("2.0", "vision")
    machine.answer("activate", "2.0", "--force", *QUICK)
    assert machine.answer("confirm")["outcome"] == "confirmed"


def test_a_director_that_failed_takes_nothing_else_down(machine: Box) -> None:
    machine.answer("activate", "2.0", *QUICK)
    machine.units({"kiosk-director.service": {"ActiveState": "failed"}, "kiosk-uplink.service": {}})
    done = machine.run("confirm")
    assert "kiosk-director.service failed" in done.said
    assert "and 1.0 does not do its work either" in done.said
    assert "event=release_rollback_unhealthy version=1.0" in done.said
    assert machine.current() == "1.0"
    assert "systemctl restart --no-block kiosk-uplink.service" not in machine.commands()[-20:]


def test_a_first_release_that_does_not_work_stays_and_says_so(box: Box, installed: Box) -> None:
    releases = box.root / "opt/kiosk/releases"
    releases.symlink_to(installed.root / "opt/kiosk/releases")
    box.units({"kiosk-director.service": {"ActiveState": "failed"}})
    box.answer("activate", "1.0", *QUICK)
    done = box.run("confirm")
    assert done.code == 1
    assert "release 1.0 does not do its work, and none was before it" in done.said
    assert (box.current(), box.is_on_trial()) == ("1.0", False)
    assert "there is no earlier release to go back to" in box.run("rollback").said


def test_one_boot_during_a_trial_is_forgiven_and_a_second_is_not(machine: Box) -> None:
    machine.answer("activate", "2.0", *QUICK)
    machine.boot("second")
    # Power is cut while it is watched.
    assert machine.run("confirm", kill_at=4).code == KILLED
    assert machine.is_on_trial()
    machine.boot("third")
    done = machine.run("confirm")
    assert (done.code, machine.current()) == (1, "1.0")
    assert "the machine started twice before it was confirmed" in done.said


def test_a_trial_goes_on_after_one_boot(machine: Box) -> None:
    machine.answer("activate", "2.0", *QUICK)
    machine.boot("second")
    before = len(machine.commands())
    assert machine.answer("confirm")["outcome"] == "confirmed"
    # Everything runs the new release since the boot.
    assert [line for line in machine.commands()[before:] if "restart" in line] == []


def test_what_a_power_cut_left_out_of_a_switch_is_done_at_the_boot(machine: Box) -> None:
    machine.answer("activate", "2.0", *QUICK)
    (machine.root / "etc/udev/rules.d/70-kiosk.rules").unlink()
    machine.boot("second")
    before = len(machine.commands())
    machine.answer("confirm")
    assert any(line.endswith("enable --quiet kiosk.target") for line in machine.commands()[before:])
    assert (machine.root / "etc/udev/rules.d/70-kiosk.rules").read_text() == "# 2.0\n"


def test_activating_what_runs_makes_up_for_what_is_missing(machine: Box) -> None:
    (machine.root / "etc/udev/rules.d/70-kiosk.rules").unlink()
    before = len(machine.commands())
    assert machine.answer("activate", "1.0")["changed"] is False
    assert any(line.endswith("enable --quiet kiosk.target") for line in machine.commands()[before:])
    assert (machine.root / "etc/udev/rules.d/70-kiosk.rules").read_text() == "# 1.0\n"


def test_a_full_disk_keeps_no_bad_release_running(machine: Box) -> None:
    machine.answer("activate", "2.0", *QUICK)
    machine.worse("2.0", "plays")
    done = machine.run("confirm", full=True)
    assert (done.code, machine.current()) == (1, "1.0")
    assert "event=release_note_lost" in done.said
    assert "No space left on device" in done.said
    assert "Traceback" not in done.said
    machine.boot("with room again")
    machine.run("confirm")
    assert (machine.current(), machine.is_on_trial()) == ("1.0", False)


def test_a_release_whose_note_cannot_be_read_is_kept(machine: Box) -> None:
    note = machine.root / "opt/kiosk/releases/2.0/complete.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"of a newer tool": 1}))
    assert machine.answer("prune", "--keep", "1")["removed"] == []
    assert machine.folders() == ["1.0", "2.0"]


def test_an_image_that_is_being_made_is_on_trial_at_its_first_boot(machine: Box) -> None:
    booted = machine.root / "run/systemd/system"
    booted.rmdir()
    assert "from the next boot on" in machine.run("activate", "2.0", *QUICK).out
    booted.mkdir()
    machine.boot("of the device")
    assert machine.answer("confirm")["outcome"] == "confirmed"


def test_a_trial_whose_process_was_lost_is_taken_up_again(machine: Box) -> None:
    machine.answer("activate", "2.0", *QUICK)
    before = len(machine.commands())
    assert machine.answer("activate", "2.0")["changed"] is True
    assert machine.commands()[before:][-1].endswith("restart --no-block kiosk-confirm.service")
    done = machine.run("activate", "1.0")
    assert (done.code, "release 2.0 is still on trial" in done.said) == (1, True)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("works_well", [True, False], ids=["good", "bad"])
def test_power_may_be_cut_at_any_step_of_a_switch(
    installed: Box, tmp_path: Path, works_well: bool
) -> None:
    ends = set()
    for step in range(1000):
        box = installed.copy(tmp_path / str(step))
        if not works_well:
            box.worse("2.0", "plays")
        code = box.run("activate", "2.0", *QUICK, kill_at=step).code
        assert code in (0, KILLED)
        assert box.current() in ("1.0", "2.0")
        box.boot("after the cut")
        box.run("confirm")
        assert not box.is_on_trial()
        current = box.current()
        assert current == "1.0" or works_well
        if current == "2.0":
            assert state(box, "2.0") == "confirmed"
            assert (box.root / "etc/udev/rules.d/70-kiosk.rules").read_text() == "# 2.0\n"
            assert any(each.endswith("enable --quiet kiosk.target") for each in box.commands())
        assert [each["version"] for each in box.answer("list")["releases"]] == ["2.0", "1.0"]
        ends.add(current)
        if code == 0:
            break
    assert step > 5
    assert ends == ({"1.0", "2.0"} if works_well else {"1.0"})


@pytest.mark.long
@pytest.mark.timeout(900)
def test_power_may_be_cut_at_any_step_on_the_way_back(installed: Box, tmp_path: Path) -> None:
    ready = installed.copy(tmp_path / "ready")
    ready.worse("2.0", "plays")
    ready.answer("activate", "2.0", *QUICK)
    for step in range(1000):
        box = ready.copy(tmp_path / str(step))
        code = box.run("confirm", kill_at=step).code
        assert code in (1, KILLED)
        box.boot("after the cut")
        box.run("confirm")
        assert (box.current(), box.is_on_trial()) == ("1.0", False)
        assert state(box, "2.0") == "rolled_back"
        if code == 1:
            break
    assert step > 5


def test_old_releases_go_and_needed_ones_stay(machine: Box) -> None:
    releases = machine.root / "opt/kiosk/releases"
    for number, version in enumerate(["0.7", "0.8", "0.9"]):
        subprocess.run(["cp", "-a", releases / "1.0", releases / version], check=True)
        complete = json.loads((releases / "1.0/complete.json").read_text())
        old = {"version": version, "installed": f"2020-01-0{number + 1}T00:00:00.0Z"}
        (releases / version / "complete.json").write_text(json.dumps(complete | old))
    (releases / "unfinished").mkdir()
    assert machine.answer("prune", "--keep", "3")["removed"] == ["unfinished", "0.8", "0.7"]
    machine.answer("activate", "2.0", *QUICK)
    # 2.0 is on trial and 1.0 is what it may go back to.
    assert machine.answer("prune", "--keep", "1")["removed"] == ["0.9"]
    assert machine.folders() == ["1.0", "2.0"]
    machine.answer("confirm")
    assert machine.answer("prune", "--keep", "1") == {"changed": False, "removed": []}


def test_the_history_is_bounded(machine: Box) -> None:
    history = machine.root / "opt/kiosk/history.json"
    entry = json.loads(history.read_text())["entries"][0]
    many = [entry | {"began": str(number), "version": f"0.{number}"} for number in range(60)]
    history.write_text(json.dumps({"entries": many}))
    machine.answer("activate", "2.0", *QUICK)
    machine.answer("confirm")
    entries = json.loads(history.read_text())["entries"]
    assert (len(entries), entries[-1]["version"]) == (50, "2.0")


def test_a_damaged_note_is_named(machine: Box) -> None:
    pending = machine.root / "opt/kiosk/pending.json"
    pending.write_text("{")
    done = machine.run("activate", "2.0")
    assert done.code == 1
    assert f"{pending}: cannot be read" in done.said
    assert "Traceback" not in done.said


@pytest.mark.skipif(os.geteuid() != 0, reason="a disk is made read-only, which takes root")
def test_a_worn_disk_that_became_read_only_is_said_and_nothing_is_switched(machine: Box) -> None:
    product = machine.root / "opt/kiosk"
    subprocess.run(["mount", "--bind", product, product], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", product], check=True)
        done = machine.run("activate", "2.0")
    finally:
        subprocess.run(["umount", product], check=True)
    assert done.code == 1
    assert "Read-only file system" in done.said
    assert "hint: is the disk full, or read-only?" in done.said
    assert (machine.current(), machine.is_on_trial()) == ("1.0", False)
