"""The uplink with a real broker."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import psutil
import pytest

from kiosk.clock import SystemClock
from kiosk.config import Settings, write_settings
from kiosk.state import open_store, write_health
from kiosk.wire import Ack, json_schemas
from tests.mosquitto import Mosquitto, wait_for
from tests.uplink.fleet import (
    BRANCH,
    NOW,
    Device,
    Observer,
    drive,
    settings_for,
    uplink_for,
)

RUN = (
    "import sys, pathlib; from kiosk.config import load_settings; from kiosk.uplink import run;"
    "run(load_settings(pathlib.Path(sys.argv[1])))"
)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path / "broker") as started:
        yield started


@pytest.fixture
def observer(broker):
    found = Observer(broker.port)
    yield found
    found.close()


def start_uplink(settings: Settings, folder: Path) -> subprocess.Popen[bytes]:
    write_settings(settings, folder / "config.yaml")
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder / "config.yaml")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def states(observer: Observer) -> list[str]:
    return [json.loads(payload)["state"] for payload in observer.of("/status")]


def test_the_brokers_answer_marks_a_row_and_head_offices_deletes_it(tmp_path, broker, observer):
    device = Device(tmp_path / "state.db")
    device.publish_plays(2)
    device.publish_hour(NOW)
    uplink = uplink_for(settings_for(tmp_path, broker.port))
    drive(
        uplink,
        until=lambda: device.outbox() == [("hours", 1, 1), ("plays", 1, 1)],
        what="both rows are marked",
    )
    ack = Ack(stream="plays", epoch=device.store.epoch, seq=1)
    observer.publish(f"{BRANCH}/down/ack", ack.encode())
    drive(uplink, until=lambda: device.outbox() == [("hours", 1, 1)], what="plays are deleted")
    uplink.close()


def test_a_link_needs_nothing_of_loopback_but_its_broker(tmp_path, broker):
    uplink = uplink_for(settings_for(tmp_path, broker.port))
    drive(uplink, until=lambda: uplink._link.connected, what="the broker has answered")
    ours = psutil.Process().net_connections(kind="tcp")
    ends = {one.laddr for one in ours}
    assert [one for one in ours if one.raddr and one.raddr in ends] == []
    assert [one for one in ours if one.raddr and one.raddr.port == broker.port] != []
    uplink.close()


@pytest.mark.parametrize(
    "ack",
    [
        pytest.param(Ack(stream="plays", epoch="00000000", seq=1).encode(), id="another epoch"),
        pytest.param(b"\xff{", id="garbage"),
        pytest.param(None, id="beyond what was sent"),
    ],
)
def test_an_acknowledgement_that_is_not_for_us_deletes_nothing(
    tmp_path, broker, observer, ack, caplog
):
    device = Device(tmp_path / "state.db")
    device.publish_plays(1)
    uplink = uplink_for(settings_for(tmp_path, broker.port))
    drive(uplink, until=lambda: device.outbox() == [("plays", 1, 1)], what="the row is marked")
    epoch = device.store.epoch
    observer.publish(f"{BRANCH}/down/ack", ack or Ack(stream="plays", epoch=epoch, seq=9).encode())
    # The next one is obeyed, so the one before has been read.
    device.publish_hour(NOW)
    drive(uplink, until=lambda: ("hours", 1, 1) in device.outbox(), what="the hour is marked")
    observer.publish(f"{BRANCH}/down/ack", Ack(stream="hours", epoch=epoch, seq=1).encode())
    drive(uplink, until=lambda: device.outbox() == [("plays", 1, 1)], what="only hours are gone")
    uplink.close()


def test_without_an_acknowledgement_the_same_bytes_are_sent_again(tmp_path, broker, observer):
    device = Device(tmp_path / "state.db")
    device.publish_plays(1)
    uplink = uplink_for(settings_for(tmp_path, broker.port, uplink={"ack_timeout_s": 0.3}))
    drive(uplink, until=lambda: len(observer.of("/plays")) == 2, what="it came twice")
    assert len(set(observer.of("/plays"))) == 1
    uplink.close()


def test_marks_of_an_earlier_run_are_sent_again_too(tmp_path, broker):
    device = Device(tmp_path / "state.db")
    device.publish_plays(1)
    settings = settings_for(tmp_path, broker.port, uplink={"ack_timeout_s": 0.3})
    first = uplink_for(settings)
    drive(first, until=lambda: device.outbox() == [("plays", 1, 1)], what="the row is marked")
    first.close()
    broker.stop(signal.SIGKILL)
    broker.start()
    observer = Observer(broker.port)
    second = uplink_for(settings)
    drive(second, until=lambda: observer.of("/plays"), what="it came again")
    second.close()
    observer.close()


def test_a_wrong_password_is_tried_rarely_and_said_with_what_to_do(tmp_path, caplog):
    (tmp_path / "password").write_text("wrong\n")
    with Mosquitto(tmp_path / "broker", users={"kiosk": "right"}) as broker:
        wait_for(lambda: "New connection from" in broker.log, "this test's own probe is logged")
        before = broker.log.count("New connection from")
        settings = settings_for(
            tmp_path,
            broker.port,
            broker={
                "username": "kiosk",
                "password_file": tmp_path / "password",
                "auth_retry_s": 0.5,
                "backoff_min_s": 0.01,
                "backoff_max_s": 0.01,
            },
        )
        uplink = uplink_for(settings)
        began = SystemClock().monotonic()
        drive(
            uplink, until=lambda: SystemClock().monotonic() - began > 1.8, what="1.8 s have passed"
        )
        tries = broker.log.count("New connection from") - before
        assert 2 <= tries <= 4
        refused = [line for line in caplog.messages if "event=broker_refused" in line]
        assert len(refused) == tries
        assert "check broker.username" in refused[0]
        (tmp_path / "password").write_text("right\n")
        drive(
            uplink,
            until=lambda: "event=broker_connected" in caplog.text or uplink._link.connected,
            what="the corrected password is taken without a restart",
        )
        uplink.close()


def test_an_unreachable_broker_is_told_once_and_found_when_it_is_there(tmp_path, caplog):
    broker = Mosquitto(tmp_path / "broker")
    uplink = uplink_for(settings_for(tmp_path, broker.port))
    began = SystemClock().monotonic()
    drive(uplink, until=lambda: SystemClock().monotonic() - began > 0.8, what="0.8 s have passed")
    assert caplog.text.count("event=broker_unreachable") == 1
    with broker:
        drive(uplink, until=lambda: uplink._link.connected, what="it is connected")
        uplink.close()


def test_a_killed_uplink_leaves_offline_and_a_stopped_one_says_it(tmp_path, broker, observer):
    settings = settings_for(tmp_path, broker.port)
    process = start_uplink(settings, tmp_path)
    wait_for(lambda: states(observer) == ["online"], "the birth message")
    process.kill()
    process.wait()
    wait_for(lambda: states(observer) == ["online", "offline"], "the last will")
    process = start_uplink(settings, tmp_path)
    wait_for(lambda: states(observer)[2:] == ["online"], "the second birth message")
    process.terminate()
    assert process.wait(10) == 0
    wait_for(lambda: states(observer)[3:] == ["offline"], "the farewell")
    late = Observer(broker.port)
    wait_for(lambda: states(late) == ["offline"], "the state is retained")
    late.close()
    for payload in observer.of("/status"):
        jsonschema.validate(json.loads(payload), json_schemas()["status"])


def test_health_goes_out_with_what_the_director_said(tmp_path, broker, observer):
    store = open_store(tmp_path / "state.db", SystemClock())
    vision = {"state": "live", "peak_fps": 15, "accelerator": "CPU", "dark": True}
    now = SystemClock().utc().isoformat()
    write_health(store, "director", {"vision": vision, "screens": 1}, now)
    uplink = uplink_for(settings_for(tmp_path, broker.port, uplink={"health_s": 0.2}))
    drive(uplink, until=lambda: len(observer.of("/health")) >= 2, what="two health messages")
    uplink.close()
    payload = json.loads(observer.of("/health")[0])
    jsonschema.validate(payload, json_schemas()["up-health"])
    assert payload["vision"] == vision
    assert payload["outbox"]["epoch"] == store.epoch
    assert payload["disk_free_mb"] > 0
    late = Observer(broker.port, f"{BRANCH}/up/health")
    late.publish(f"{BRANCH}/up/health/after", b"")
    late.close()
    assert late.of("/health") == [], "health is not kept"


def test_a_device_without_rights_keeps_its_rows_and_says_so(tmp_path, caplog):
    with Mosquitto(tmp_path / "broker", acl="topic read nothing\n") as broker:
        device = Device(tmp_path / "state.db")
        device.publish_plays(1)
        uplink = uplink_for(settings_for(tmp_path, broker.port))
        drive(
            uplink,
            until=lambda: caplog.text.count("event=publish_refused") == 2,
            what="refused, and tried again after a wait",
        )
        assert device.outbox() == [("plays", 1, 0)]
        uplink.close()


def test_the_shipped_access_list_gives_a_device_its_own_branch_and_nothing_else(tmp_path):
    acl = (ROOT / "deploy/mosquitto/kiosk.acl").read_text()
    ours, theirs, office = "demo/shop-1/kiosk-1", "demo/shop-1/kiosk-2", "kiosk-central"
    users = {ours: "a", theirs: "b", office: "c"}
    (tmp_path / "password").write_text("a")
    with Mosquitto(tmp_path / "broker", users=users, acl=acl) as broker:
        head, spy = Observer(broker.port, "#", office, "c"), Observer(broker.port, "#", theirs, "b")
        device = Device(tmp_path / "state.db")
        device.publish_plays(1)
        access = {"username": ours, "password_file": tmp_path / "password"}
        uplink = uplink_for(settings_for(tmp_path, broker.port, broker=access))
        drive(uplink, until=lambda: head.of("/plays"), what="head office has it")
        forged = Ack(stream="plays", epoch=device.store.epoch, seq=1).encode()
        spy.publish(f"{BRANCH}/down/ack", forged)
        head.publish("kiosk/v1/demo/shop-1/kiosk-2/down/ack", forged)
        wait_for(lambda: spy.of("/ack"), "the other device reads its own branch")
        assert [topic for topic, _ in spy.messages] == ["kiosk/v1/demo/shop-1/kiosk-2/down/ack"]
        drive(uplink, until=lambda: device.outbox() == [("plays", 1, 1)], what="the row is marked")
        head.publish(f"{BRANCH}/down/ack", forged)
        drive(uplink, until=lambda: device.outbox() == [], what="head office's is obeyed")
        for part in (head, spy, uplink):
            part.close()


def test_two_devices_of_one_name_are_told_apart_in_the_log(tmp_path, broker, caplog):
    first = uplink_for(settings_for(tmp_path, broker.port, broker={"backoff_max_s": 5}))
    drive(first, until=lambda: first._link.connected, what="the first is connected")
    second = uplink_for(settings_for(tmp_path, broker.port, broker={"backoff_max_s": 5}))
    drive(first, second, until=lambda: "event=broker_flapping" in caplog.text, what="it is told")
    assert "give each its own device.name" in caplog.text
    first.close()
    second.close()


def test_a_state_file_that_cannot_be_written_stops_nothing_and_loses_nothing(
    tmp_path, broker, observer, caplog
):
    device = Device(tmp_path / "state.db")
    device.publish_plays(1)
    uplink = uplink_for(settings_for(tmp_path, broker.port, uplink={"health_s": 0.1}))
    uplink._carrier._writes._retry_s = 0.2
    uplink._carrier.store.db.execute("PRAGMA query_only = 1")
    drive(uplink, until=lambda: len(observer.of("/health")) > 6, what="health still goes out")
    assert caplog.text.count("event=state_write_failed") == 1
    assert len(observer.of("/plays")) == 1, (
        "what the broker has is not sent again for want of a mark"
    )
    uplink._carrier.store.db.execute("PRAGMA query_only = 0")
    drive(uplink, until=lambda: device.outbox() == [("plays", 1, 1)], what="the row is marked")
    uplink.close()


def test_a_state_file_that_was_replaced_is_opened_anew(tmp_path, broker, observer, caplog):
    uplink = uplink_for(settings_for(tmp_path, broker.port))
    drive(uplink, until=lambda: uplink._link.connected, what="it is connected")
    for suffix in ("", "-wal", "-shm"):
        part = tmp_path / f"state.db{suffix}"
        if part.exists():
            shutil.move(part, tmp_path / f"old{suffix}")
    device = Device(tmp_path / "state.db")
    device.publish_plays(1)
    drive(uplink, until=lambda: observer.of("/plays"), what="the new file is drained")
    assert "event=state_reopened" in caplog.text
    uplink.close()


def test_above_its_cap_a_device_keeps_and_sends_everything_but_health(
    tmp_path, broker, observer, caplog
):
    device = Device(tmp_path / "state.db")
    device.publish_plays(1)
    settings = settings_for(tmp_path, broker.port, uplink={"health_s": 0.1})
    uplink_settings = settings.uplink.model_copy(update={"state_max_mb": 0})
    uplink = uplink_for(settings.model_copy(update={"uplink": uplink_settings}))
    drive(uplink, until=lambda: device.outbox() == [("plays", 1, 1)], what="plays are sent")
    drive(uplink, until=lambda: "event=state_over_cap" in caplog.text, what="it is told")
    device.publish_hour(NOW)
    drive(uplink, until=lambda: observer.of("/hours"), what="hours are sent")
    assert observer.of("/health") == []
    assert caplog.text.count("event=state_over_cap") == 1
    uplink.close()


def test_a_silent_head_office_is_sent_a_few_again_and_the_rest_when_it_speaks(
    tmp_path, broker, observer, monkeypatch
):
    monkeypatch.setattr("kiosk.uplink.carrier.PROBE", 2)
    device = Device(tmp_path / "state.db")
    for _ in range(5):
        device.publish_plays(1)
    uplink = uplink_for(settings_for(tmp_path, broker.port, uplink={"ack_timeout_s": 0.1}))

    def came(seq: int) -> int:
        return [json.loads(payload)["seq"] for payload in observer.of("/plays")].count(seq)

    drive(uplink, until=lambda: came(1) >= 4, what="the oldest came four times")
    assert came(2) >= 3
    before = came(5)
    assert max(came(seq) for seq in (3, 4, 5)) <= 2, "once, and once again at the first try"
    ack = Ack(stream="plays", epoch=device.store.epoch, seq=1)
    observer.publish(f"{BRANCH}/down/ack", ack.encode())
    drive(uplink, until=lambda: came(5) > before, what="it spoke, so all of it comes again")
    uplink.close()


def test_a_fault_in_what_head_office_wants_holds_up_no_number(
    tmp_path, broker, observer, caplog, monkeypatch
):
    device = Device(tmp_path / "state.db")
    device.publish_plays(1)
    uplink = uplink_for(settings_for(tmp_path, broker.port))
    monkeypatch.setattr(uplink._desired, "turn", lambda _now: {}["a fault"])
    drive(uplink, until=lambda: device.outbox() == [("plays", 1, 1)], what="the row is marked")
    drive(uplink, until=lambda: observer.of("/health"), what="health goes out")
    assert caplog.text.count("event=desired_failed") == 1
    uplink.close()
