"""From blank boxes to a fleet that works, updates, rolls back and leaves, by the real playbooks.

The tests are one story and run in this order; each leaves the fleet as the next one expects it.
"""

from __future__ import annotations

import shutil
import tarfile
import time
from pathlib import Path

import pytest
import yaml

from tests.appliance.fleet import BROKEN, DOOR, LATER, OFFICE, WINDOW, Fleet, kiosk, settings_of
from tests.appliance.looking import sentence, speaker, state_of
from tests.containers.root import REPO
from tests.proofs import Claim

pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]

SERVICES = {"kiosk-vision": 45, "kiosk-director": 20, "kiosk-uplink": 60, "kiosk-screen": 60}
"""Each process, and how long its watchdog waits."""

BACK_S = {"kiosk-vision": 30.0, "kiosk-director": 15.0, "kiosk-uplink": 15.0, "kiosk-screen": 15.0}
"""How long each may be away after it was killed: a few seconds by its unit, and what it takes to
start on a machine that two shops share. Vision has models to load."""

START_S = 60.0
"""How long a device may take to do its work again, after a boot or a switch of versions."""


PLAYS = f"""
SELECT count(*) FROM play_batches JOIN devices ON devices.id = device_id WHERE name = '{WINDOW}'
"""


def test_site_yml_makes_a_fleet_of_blank_boxes(fleet: Fleet, claim: Claim) -> None:
    """One playbook turns blank Debian boxes without internet into a head office and two shops."""
    assert fleet.first.failed == {OFFICE: 0, WINDOW: 0, DOOR: 0}
    claim.figure(f"{len(fleet.first.failed)} boxes in {fleet.first.took_s:.0f} s")
    for name in (WINDOW, DOOR):
        fleet[name].run("sh", "-c", "! ip route | grep -q default")


def test_a_second_run_changes_nothing(fleet: Fleet, claim: Claim) -> None:
    """Run again, and rehearsed with --check, the playbook changes nothing."""
    again = fleet.play("site")
    assert again.changed == {OFFICE: 0, WINDOW: 0, DOOR: 0}, again.changes()
    rehearsed = fleet.play("site", "--check", "--diff")
    assert rehearsed.changed == {OFFICE: 0, WINDOW: 0, DOOR: 0}, rehearsed.changes()
    claim.figure(f"changed=0 in {again.took_s:.0f} s, --check changed=0")


def test_a_device_plays_counts_and_reaches_head_office(fleet: Fleet, claim: Claim) -> None:
    """A device plays, counts and reaches head office over TLS with its own certificate."""
    wanted = {"director", "vision", "screen", "plays", "broker"}

    def works() -> bool:
        found = fleet.status(WINDOW)
        return {name for name in wanted if found.get(name) == "ok"} == wanted

    fleet.wait(works, "a device that works", 180)

    def plays() -> int:
        return int(fleet.office(PLAYS)[0][0])

    before = plays()
    took = fleet.wait(lambda: plays() > before, "plays at head office", 120)
    claim.figure(f"a new play at head office after {took:.0f} s")
    certificate = fleet[WINDOW].sh(
        "openssl x509 -noout -subject -in /var/lib/kiosk-uplink/device.crt"
    )
    assert "nordlys/harbour/harbour-window" in certificate


def test_another_device_s_branch_and_certificate_are_refused(fleet: Fleet, claim: Claim) -> None:
    """Another device's topic, a stranger's certificate and no certificate are refused."""
    door = fleet[DOOR]
    own = {"cert": "/var/lib/kiosk-uplink/device.crt", "key": "/var/lib/kiosk-uplink/device.key"}
    door.run(
        *("openssl", "req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"),
        *("-pkeyopt", "ec_paramgen_curve:P-256", "-subj", r"/CN=nordlys\/station\/station-door"),
        *("-keyout", "/tmp/s.key", "-out", "/tmp/s.crt"),
    )
    speak = speaker(door)
    assert speak(own, "kiosk/v1/nordlys/station/station-door/up/health") == "taken"
    assert speak(own, "kiosk/v1/nordlys/harbour/harbour-window/up/health") == "refused: 135"
    assert speak(own, "kiosk/v1/nordlys/station/station-door/down/config") == "refused: 135"
    stranger = {"cert": "/tmp/s.crt", "key": "/tmp/s.key"}
    assert speak(stranger, "kiosk/v1/nordlys/station/station-door/up/health").startswith(
        "no way in"
    )
    nobody = {"cert": "", "key": ""}
    assert speak(nobody, "kiosk/v1/nordlys/station/station-door/up/health").startswith("no way in")
    claim.figure("own branch taken; neighbour's refused (135); stranger and nobody not let in")


def test_what_is_killed_or_hangs_is_back_within_its_watchdog(fleet: Fleet, claim: Claim) -> None:
    """Each process that is killed (SIGKILL) or hangs (SIGSTOP) is back within its watchdog."""
    box = fleet[WINDOW]
    told = []
    for service, watchdog_s in SERVICES.items():
        for number in ("KILL", "STOP"):
            before = box.show(service, "MainPID")
            box.run("kill", f"-{number}", before)
            limit = BACK_S[service] + (watchdog_s if number == "STOP" else 0)

            def is_back(service: str = service, before: str = before) -> bool:
                state, pid = box.show(service, "ActiveState"), box.show(service, "MainPID")
                return state == "active" and pid not in (before, "0")

            took = fleet.wait(is_back, f"{service} after SIG{number}", limit)
            told.append(f"{service.removeprefix('kiosk-')} {number} {took:.0f} s")
    claim.figure(", ".join(told))
    fleet.wait(lambda: fleet.status(WINDOW).get("screen") == "ok", "the screen", START_S)


def test_vision_reaches_nothing_from_inside(fleet: Fleet, claim: Claim) -> None:
    """From inside vision's namespaces there is no network and no writable place."""
    box = fleet[WINDOW]
    pid = box.show("kiosk-vision", "MainPID")
    links = box.run("nsenter", "--target", pid, "--net", "--", "ip", "-br", "link")
    assert [line.split()[0] for line in links.splitlines()] == ["lo"]
    mounts = [line.split() for line in box.run("cat", f"/proc/{pid}/mountinfo").splitlines()]
    writable = {
        one[4]
        for one in mounts
        if "rw" in one[5].split(",") and not one[4].startswith(("/proc", "/sys", "/dev"))
    }
    assert writable <= {"/tmp"}, writable
    status = box.run("cat", f"/proc/{pid}/status")
    found = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    assert int(found["CapEff"], 16) == 0
    assert found["NoNewPrivs"] == "1"
    assert found["Seccomp"] == "2"
    claim.figure(f"interfaces: lo alone; writable: {', '.join(sorted(writable)) or 'nothing'}")


def test_what_a_day_writes_to_the_card(fleet: Fleet, claim: Claim) -> None:
    """What the processes and the journal write in a day stays small enough for an SD card."""
    box = fleet[WINDOW]
    place = box.root / "etc/kiosk/config.yaml"
    told = place.read_text()
    # The fleet of these tests sends much oftener than a shop's.
    usual = settings_of(box)
    del usual["player"]["plays_batch_s"], usual["uplink"]["health_s"]
    units = ("kiosk-director", "kiosk-uplink", "kiosk-vision", "kiosk-screen", "systemd-journald")

    def restart(config: str) -> None:
        place.write_text(config)
        box.run("systemctl", "restart", "kiosk-director", "kiosk-uplink")
        fleet.wait(lambda: fleet.status(WINDOW).get("plays") == "ok", "plays", START_S)

    def written() -> dict[str, int]:
        found = {}
        for unit in units:
            pid = box.show(unit, "MainPID")
            lines = box.run("cat", f"/proc/{pid}/io").splitlines()
            found[unit] = int(dict(line.split(": ") for line in lines)["write_bytes"])
        return found

    restart(yaml.safe_dump(usual))
    try:
        seconds = 180.0
        before = written()
        time.sleep(seconds)
        after = written()
    finally:
        restart(told)
    a_day = {unit: (after[unit] - before[unit]) * 86400 / seconds / 1e6 for unit in units}
    claim.figure(", ".join(f"{unit} {mb:.0f} MB/day" for unit, mb in a_day.items()))
    assert sum(a_day.values()) < 2000


def test_bad_inputs_are_one_sentence_and_change_nothing(
    fleet: Fleet, claim: Claim, tmp_path: Path
) -> None:
    """A half-copied bundle, a wrong vault password, two devices of one name: a sentence each."""
    wrong = tmp_path / "password"
    wrong.write_text("not this\n")
    refused = fleet.controller.play("site", password=wrong)
    assert refused.code != 0
    assert "Decryption failed" in refused.said

    bundles = tmp_path / "bundles"
    bundles.mkdir()
    for one in fleet.controller.bundles.iterdir():
        (bundles / one.name).symlink_to(one.resolve())
    name = f"kiosk-{LATER}-x86_64.tar"
    whole = (fleet.controller.bundles / name).read_bytes()
    (bundles / name).unlink()
    (bundles / name).write_bytes(whole[: len(whole) // 2])
    half = fleet.controller.play("update", kiosk_version=LATER, kiosk_bundle_dir=str(bundles))
    assert half.code != 0
    assert sum(half.changed.values()) == 0, half.changes()
    assert name in sentence(half.said)

    twins = fleet.controller.play(
        "site", "--limit", "devices", kiosk_device="twin", kiosk_site="harbour"
    )
    assert twins.code != 0
    assert sum(twins.changed.values()) == 0, twins.changes()
    assert "nordlys/harbour/twin" in sentence(twins.said)
    claim.figure(f"such as: {sentence(half.said)[:160]}")


def test_an_update_keeps_state(fleet: Fleet, claim: Claim) -> None:
    """An update to a new version is confirmed by its health, and keeps state and stream."""
    box = fleet[WINDOW]
    epoch = state_of(box, "SELECT epoch FROM identity")
    plays = int(state_of(box, "SELECT count(*) FROM plays"))
    updated = fleet.play("update", kiosk_version=LATER)
    assert box.run("readlink", "/opt/kiosk/current").strip() == f"releases/{LATER}"
    assert state_of(box, "SELECT epoch FROM identity") == epoch
    assert int(state_of(box, "SELECT count(*) FROM plays")) >= plays
    assert LATER in kiosk(box, "status", "--json", check=False)
    fleet.wait(lambda: fleet.status(WINDOW).get("plays") == "ok", "plays", START_S)
    claim.figure(f"two devices in {updated.took_s:.0f} s")


PUSHED = """version: 1
name: pushed
creatives:
  - {id: from-afar, kind: image, file: from-afar.svg, duration_s: 5, category: store}
"""


def test_head_office_sends_a_campaign(fleet: Fleet, claim: Claim) -> None:
    """A campaign that head office publishes is fetched over HTTPS and played, and taken back."""
    office, box = fleet[OFFICE], fleet[WINDOW]
    folder = office.root / "var/lib/kiosk-central/to-publish"
    folder.mkdir()
    (folder / "campaign.yaml").write_text(PUSHED)
    source = REPO / "deploy/bundle/campaign/welcome.svg"
    (folder / "from-afar.svg").write_bytes(source.read_bytes())

    def publish(*what: str) -> None:
        office.run(
            *("runuser", "--user", "kiosk-central", "--", "/opt/kiosk/current/.venv/bin/kiosk"),
            *("central", "publish", "campaign", *what, "--target", "nordlys/harbour/*"),
            *("--config", "/etc/kiosk/central.yaml"),
        )

    origins = settings_of(box)["desired"]["media_origins"]
    assert origins == [f"https://{OFFICE}:8770/media/"]
    began = time.monotonic()
    publish("/var/lib/kiosk-central/to-publish/campaign.yaml")
    pushed = "SELECT count(*) FROM plays WHERE creative = 'from-afar' AND campaign = 'pushed'"
    fleet.wait(lambda: int(state_of(box, pushed)) > 0, "a play of what was pushed", 180)
    took = time.monotonic() - began
    publish("--none")
    shutil.rmtree(folder)
    house = "SELECT count(*) FROM plays WHERE campaign = 'house'"
    before = int(state_of(box, house))
    fleet.wait(lambda: int(state_of(box, house)) > before, "a play of the device's own", 120)
    claim.figure(f"played {took:.0f} s after it was published")


def test_a_broken_version_rolls_itself_back(fleet: Fleet, claim: Claim) -> None:
    """A version that starts and never has an advert shown rolls itself back; the roll-out stops."""
    box = fleet[WINDOW]
    fleet.wait(lambda: fleet.status(WINDOW).get("plays") == "ok", "plays", START_S)
    began = time.monotonic()
    played = fleet.controller.play("update", kiosk_version=BROKEN, kiosk_serial=1)
    assert played.code != 0
    assert played.failed == {WINDOW: 1, DOOR: 0}
    assert box.run("readlink", "/opt/kiosk/current").strip() == f"releases/{LATER}"
    door = fleet[DOOR]
    assert door.run("readlink", "/opt/kiosk/current").strip() == f"releases/{LATER}"
    assert not (door.root / "opt/kiosk/releases" / BROKEN).exists(), "the roll-out went on"
    fleet.wait(lambda: fleet.status(WINDOW).get("plays") == "ok", "plays again", START_S)
    claim.figure(f"back after {time.monotonic() - began:.0f} s: {sentence(played.said)[:200]}")


def test_power_cut_in_the_middle_of_an_update(fleet: Fleet, claim: Claim) -> None:
    """Power that fails between the switch and its confirmation leaves a version that works."""
    box = fleet[DOOR]
    before = box.run("readlink", "/opt/kiosk/current").strip()
    box.sh("/opt/kiosk/bin/kiosk-release rollback --json >/dev/null")
    box.run("/opt/kiosk/bin/kiosk-release", "activate", before.removeprefix("releases/"), "--force")
    box.cut_power()
    fleet.controller.town.power_on(DOOR)
    settled = fleet.wait(
        lambda: not (box.root / "opt/kiosk/pending.json").exists(), "the end of the update", 300
    )
    fleet.wait(lambda: fleet.status(DOOR).get("director") == "ok", "the director", START_S)
    now = box.run("readlink", "/opt/kiosk/current").strip()
    # The trial goes on after the boot: what works is confirmed, and nothing else was to be had.
    assert now == before
    assert box.run("systemctl", "is-enabled", "kiosk.target").strip() == "enabled"
    for service in ("kiosk-director", "kiosk-vision", "kiosk-uplink"):
        fleet.wait(
            lambda service=service: box.show(service, "ActiveState") == "active", service, START_S
        )
    claim.figure(f"settled {settled:.0f} s after the boot, on {now}")


def test_diagnostics_hold_no_secret(fleet: Fleet, claim: Claim) -> None:
    """collect-diagnostics brings what support asks for: no key, no state file, no picture."""
    fleet.play("collect-diagnostics", kiosk_diagnostics_dir=str(fleet.controller.folder / "said"))
    found = sorted((fleet.controller.folder / "said").rglob("*.tar.gz"))
    assert len(found) == 2
    secrets = {word.encode() for word in fleet.controller.secrets.values() if " " in word}
    assert len(secrets) == 2, "the vault's own word for being open is no secret"
    files = 0
    for path in found:
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                assert Path(member.name).suffix not in {".db", ".key", ".png", ".jpg"}, member.name
                if not member.isfile():
                    continue
                files += 1
                content = tar.extractfile(member).read()
                assert b"PRIVATE KEY" not in content, member.name
                assert b"SQLite format 3" not in content, member.name
                assert not {word for word in secrets if word in content}, member.name
    size = sum(path.stat().st_size for path in found) // 1024
    claim.figure(f"{files // 2} files, {size // 2} kB a device")


def test_certificates_are_rotated(fleet: Fleet, claim: Claim) -> None:
    """rotate-certificates gives each device a new key; the old certificate lets nobody in."""
    box = fleet[WINDOW]
    box.sh("cp -p /var/lib/kiosk-uplink/device.crt /root/old.crt")
    box.sh("cp -p /var/lib/kiosk-uplink/device.key /root/old.key")
    played = fleet.play("rotate-certificates")
    own = {"cert": "/var/lib/kiosk-uplink/device.crt", "key": "/var/lib/kiosk-uplink/device.key"}
    old = {"cert": "/root/old.crt", "key": "/root/old.key"}
    topic = "kiosk/v1/nordlys/harbour/harbour-window/up/health"
    speak = speaker(box)
    assert speak(own, topic) == "taken"
    fleet.wait(lambda: speak(old, topic).startswith("no way in"), "the old one shut out", 60)
    fleet.wait(lambda: fleet.status(WINDOW).get("broker") == "ok", "the uplink", START_S)
    claim.figure(f"{played.took_s:.0f} s")


def test_decommission_leaves_nothing(fleet: Fleet, claim: Claim) -> None:
    """decommission waits for the last count, shuts the device out and leaves nothing on it."""
    box = fleet[DOOR]
    box.sh("cp -p /var/lib/kiosk-uplink/device.crt /var/lib/kiosk-uplink/device.key /root/")
    speak = speaker(fleet[WINDOW])
    for name in ("device.crt", "device.key"):
        (fleet[WINDOW].root / "root" / name).write_bytes((box.root / "root" / name).read_bytes())
    played = fleet.play("decommission", kiosk_decommission=DOOR)
    left = box.sh(
        "ls -d /opt/kiosk /etc/kiosk /var/lib/kiosk* /usr/local/lib/systemd/system"
        " /usr/local/lib/sysusers.d /usr/local/lib/tmpfiles.d /usr/local/bin/kiosk*"
        " /etc/systemd/system/kiosk* /etc/chromium/policies/managed/kiosk.json 2>/dev/null || true"
    )
    assert left == ""
    users = box.sh("getent passwd; getent group")
    assert "kiosk" not in users
    stolen = {"cert": "/root/device.crt", "key": "/root/device.key"}
    topic = "kiosk/v1/nordlys/station/station-door/up/health"
    fleet.wait(lambda: speak(stolen, topic).startswith("no way in"), "it to be shut out", 60)
    claim.figure(f"{played.took_s:.0f} s")
