"""Configurations of head office: a good one is installed whole, a bad one changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kiosk.config import load_settings, write_settings
from kiosk.uplink.desired import files
from tests.mosquitto import wait_for
from tests.uplink.head_office import Device, HeadOffice

GOOD = {"privacy": {"policy": "eu"}, "player": {"lead_s": 2}}


@pytest.fixture
def device(tmp_path, office):
    made = Device(tmp_path, office)
    yield made
    made.close()


def installed(device: Device) -> dict | None:
    path = device.settings.desired.folder / "config/installed.json"
    return json.loads(path.read_text()) if path.exists() else None


def touched(device: Device) -> set[str]:
    folder = device.settings.desired.folder / "restart"
    found = {path.name for path in folder.glob("*")}
    for path in folder.glob("*"):
        path.unlink()
    return found


def loaded(device: Device, tmp_path: Path):
    write_settings(device.settings.taken.own, tmp_path / "config.yaml")
    return load_settings(tmp_path / "config.yaml")


def test_a_good_one_is_installed_and_every_process_that_sees_it_starts_again(
    device, office, tmp_path
):
    device.hear("down/config", office.document("config", 3, GOOD))
    assert installed(device)["version"] == 3
    assert touched(device) == {"vision", "director", "uplink"}
    # It reports what runs, and that is the old one until it starts again.
    assert device.desired.config_health().version == 0
    settings = loaded(device, tmp_path)
    assert (settings.privacy.policy, settings.player.lead_s) == ("eu", 2)
    assert (settings.taken.version, settings.taken.own.privacy.policy) == (3, "full")


def test_the_camera_runs_on_when_vision_has_no_part_in_what_changes(device, office):
    device.hear("down/config", office.document("config", 1, {"player": {"lead_s": 2}}))
    assert touched(device) == {"director", "uplink"}


def test_one_that_takes_another_back_at_once_restarts_whoever_may_have_read_that(device, office):
    device.hear("down/config", office.document("config", 1, {"player": {"lead_s": 2}}))
    touched(device)
    # This process has not started again yet, and by what it runs with nothing changes.
    device.hear("down/config", office.document("config", 2, {}))
    assert touched(device) == {"director", "uplink"}
    assert device.desired.config_health().version == 0


def test_one_that_changes_nothing_restarts_nothing(device, office):
    device.hear("down/config", office.document("config", 1, {"player": {"lead_s": 1.0}}))
    assert touched(device) == set()
    assert device.desired.config_health().version == 1


def test_the_same_again_is_silent_and_an_older_one_or_another_of_its_number_is_not(
    device, office, caplog
):
    device.hear("down/config", office.document("config", 5, GOOD))
    touched(device)
    caplog.clear()
    device.hear("down/config", office.document("config", 5, GOOD))
    assert caplog.text == ""
    device.hear("down/config", office.document("config", 4, {}))
    assert "version 4 is older than 5" in device.desired.config_health().reason
    device.hear("down/config", office.document("config", 5, {}))
    assert "version 5 is here already, with other content" in caplog.text
    assert installed(device)["version"] == 5
    assert touched(device) == set()
    device.hear("down/config", office.document("config", 5, GOOD))
    assert device.desired.config_health().reason is None


def test_an_empty_one_brings_the_devices_own_back(device, office, tmp_path):
    device.hear("down/config", office.document("config", 1, GOOD))
    device.settings = loaded(device, tmp_path)
    device.desired.close()
    device.start()
    touched(device)
    device.hear("down/config", office.document("config", 2, {}))
    assert touched(device) == {"vision", "director", "uplink"}
    again = loaded(device, tmp_path)
    assert (again.privacy.policy, again.taken.version) == ("full", 2)


BAD = {
    "no JSON": b"{",
    "not sealed": b'{"schema": 1}',
    "far too large": b"x" * 2_000_000,
    "nothing": b"",
}
BAD_BODIES = {
    "another device's": ({"target": "demo/shop-2/kiosk-1"}, "it is for demo/shop-2/kiosk-1"),
    "a campaign": ({"kind": "campaign"}, "it is a campaign"),
    "no version": ({"version": 0}, "version"),
    "another schema": ({"schema": 2}, "schema"),
    "an unknown key": ({"rights": "all"}, "rights"),
    "media": (
        {"media": [{"file": "a", "url": "https://x.example/a", "sha256": "0" * 64, "bytes": 1}]},
        "has no media",
    ),
    "a broker": ({"content": {"broker": {"host": "evil.example"}}}, "broker: this section"),
    "another name": ({"content": {"device": {"name": "kiosk-2"}}}, "device: this section"),
    "other keys": ({"content": {"desired": {"public_keys": []}}}, "desired: this section"),
    "a campaign file": ({"content": {"ads": {"campaign": "/etc/x"}}}, "ads.campaign"),
    "the page's port": ({"content": {"player": {"port": 1}}}, "player.port"),
    "the socket": ({"content": {"audience": {"socket": "/tmp/x"}}}, "audience.socket"),
    "a relative source": ({"content": {"vision": {"source": "film.mp4"}}}, "vision.source"),
    "an unknown setting": ({"content": {"vision": {"colour": 1}}}, "vision.colour: unknown key"),
    "a wrong value": ({"content": {"player": {"lead_s": -1}}}, "player.lead_s"),
    "no mapping": ({"content": {"player": 3}}, "player: a mapping"),
    "a contradiction": (
        {"content": {"player": {"notice": {"qr": True}}}},
        "there is nothing to put into the QR code",
    ),
    "more than the policy bears": (
        {"content": {"privacy": {"policy": "eu", "epsilon": 5}}},
        "privacy.epsilon",
    ),
    "no noise": ({"content": {"privacy": {"noise": "off"}}}, "privacy.noise: cannot"),
    "no noise, as YAML has it": ({"content": {"privacy": {"noise": False}}}, "privacy.noise"),
    "less noise": ({"content": {"privacy": {"epsilon": 1.5}}}, "privacy.epsilon: 1.5 is more"),
    "no notice": ({"content": {"player": {"notice": {"show": False}}}}, "player.notice.show"),
    "longer memory": ({"content": {"player": {"keep_plays_days": 30}}}, "keep_plays_days"),
    "the open hour": (
        {"content": {"audience": {"publish_open_hour_on_stop": True}}},
        "publish_open_hour_on_stop",
    ),
    "deeply nested": ({"content": {"log": json.loads("[" * 150 + "]" * 150)}}, "log"),
}


def check_that_nothing_changed(device: Device) -> None:
    assert installed(device)["version"] == 3
    assert touched(device) == set()


@pytest.mark.parametrize("payload", BAD.values(), ids=BAD.keys())
def test_what_is_no_document_never_replaces_a_good_one(device, office, payload):
    device.hear("down/config", office.document("config", 3, GOOD))
    touched(device)
    device.hear("down/config", payload)
    check_that_nothing_changed(device)


@pytest.mark.parametrize(("changes", "why"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_bad_document_never_replaces_a_good_one(device, office, caplog, changes, why):
    device.hear("down/config", office.document("config", 3, GOOD))
    touched(device)
    device.hear("down/config", office.document("config", 9, {}, changes=changes))
    check_that_nothing_changed(device)
    health = device.desired.config_health()
    assert why in (health.reason or "")
    assert "event=document_refused kind=config" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_signature_for_another_purpose_of_another_key_or_over_other_words_counts_nothing(
    device, office, tmp_path
):
    good = office.document("config", 3, GOOD)
    body = json.loads(json.loads(good)["body"])
    other = tmp_path / "other"
    other.mkdir()
    altered = json.loads(good) | {"body": json.dumps(body | {"version": 4})}
    for payload in (
        HeadOffice(other).document("config", 3, GOOD),
        office.sealed(body, "command"),
        json.dumps(altered).encode(),
    ):
        device.hear("down/config", payload)
        assert installed(device) is None
    assert "altered" in device.desired.config_health().reason


def test_without_a_key_nothing_is_asked_for_and_nothing_taken(tmp_path, office):
    device = Device(tmp_path, office, desired={"public_keys": []})
    assert device.desired.topics == ()
    device.hear("down/config", office.document("config", 3, GOOD))
    assert installed(device) is None
    assert device.hear("down/command", office.command("ping", device.clock)) == []
    device.close()


def test_a_key_that_cannot_be_read_is_told_and_the_other_one_counts(tmp_path, office, caplog):
    (tmp_path / "bad.pem").write_text("-----BEGIN NOTHING-----")
    keys = [tmp_path / "bad.pem", tmp_path / "none.pem", office.key_file]
    device = Device(tmp_path, office, desired={"public_keys": keys})
    assert caplog.text.count("event=desired_key_unusable") == 2
    device.hear("down/config", office.document("config", 3, GOOD))
    assert installed(device)["version"] == 3
    device.close()


def test_a_disk_that_is_full_keeps_the_good_one(device, office, monkeypatch):
    device.hear("down/config", office.document("config", 3, GOOD))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    device.hear("down/config", office.document("config", 4, {}))
    monkeypatch.undo()
    assert installed(device)["version"] == 3
    assert "No space left" in device.desired.config_health().reason
    assert list((device.settings.desired.folder / "config").iterdir()) == [
        device.settings.desired.folder / "config/installed.json"
    ]
    # Nobody publishes it again because this disk has room again.
    device.turn(61)
    assert installed(device)["version"] == 4
    assert device.desired.config_health().refused is None


def test_one_that_is_installed_and_not_at_work_is_told_as_long_as_it_is_not(
    device, office, tmp_path
):
    first = office.document("config", 7, {"privacy": {"mood_table": True}})
    device.hear("down/config", first)
    # Somebody in the shop chose a stricter policy since.
    own = device.settings.model_dump(mode="json") | {"privacy": {"policy": "count-only"}}
    (tmp_path / "config.yaml").write_text(json.dumps(own))
    device.settings = load_settings(tmp_path / "config.yaml")
    device.desired.close()
    device.start()
    touched(device)
    for _ in range(2):
        health = device.desired.config_health()
        assert (health.version, health.refused) == (0, 7)
        assert "mood" in health.reason
        device.hear("down/config", first)
    assert touched(device) == set()


def test_a_damaged_one_is_replaced_by_the_one_at_the_broker(device, office, tmp_path):
    first = office.document("config", 7, GOOD)
    device.hear("down/config", first)
    path = device.settings.desired.folder / "config/installed.json"
    path.write_text(path.read_text().replace('"content"', '"kontent"'))
    device.settings = loaded(device, tmp_path)
    device.desired.close()
    device.start()
    touched(device)
    device.hear("down/config", first)
    assert touched(device) == {"vision", "director", "uplink"}
    assert loaded(device, tmp_path).taken.version == 7


WRITER = """
import importlib.util, itertools, pathlib, sys
spec = importlib.util.spec_from_file_location("files", sys.argv[1])
files = importlib.util.module_from_spec(spec)
spec.loader.exec_module(files)
for number in itertools.count():
    files.write_whole(pathlib.Path(sys.argv[2]), str(number % 10).encode() * 2_000_000)
"""


def test_a_write_that_is_killed_leaves_the_one_before_or_the_new_one(tmp_path):
    path = tmp_path / "installed.json"
    for round_ in range(5):
        path.unlink(missing_ok=True)
        writer = subprocess.Popen([sys.executable, "-I", "-c", WRITER, files.__file__, str(path)])
        wait_for(path.exists, "it writes")
        time.sleep(0.003 * round_)
        writer.send_signal(signal.SIGKILL)
        writer.wait(10)
        data = path.read_bytes()
        assert len(data) == 2_000_000
        assert len(set(data)) == 1


def test_a_file_is_written_for_whom_it_is_meant(tmp_path):
    files.write_whole(tmp_path / "key", b"secret", 0o600)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
