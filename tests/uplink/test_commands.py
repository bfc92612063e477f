"""Commands of head office: obeyed once, only if allowed and in time, and answered once."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest

from kiosk import __version__
from kiosk.clock import iso
from kiosk.state import pending_orders, write_health
from kiosk.wire import Reply
from tests.uplink.head_office import Device, HeadOffice

ID = "00112233445566aa"


@pytest.fixture
def device(tmp_path, office):
    made = Device(tmp_path, office)
    yield made
    made.close()


def give(device: Device, office: HeadOffice, name: str, **changes) -> list[Reply]:
    return device.hear("down/command", office.command(name, device.clock, **changes))


def the_reply(replies: list[Reply]) -> Reply:
    assert len(replies) == 1, "exactly one reply"
    return replies[0]


def test_ping_says_which_version_runs_and_since_when(device, office):
    device.clock.advance(42)
    reply = the_reply(give(device, office, "ping", id=ID))
    assert (reply.id, reply.name, reply.outcome) == (ID, "ping", "done")
    assert reply.data == {"version": __version__, "uptime_s": 42}
    assert device.turn(10) == []


def test_identify_is_handed_to_the_director_for_as_long_as_is_set(device, office):
    assert the_reply(give(device, office, "identify", id=ID)).outcome == "done"
    [order] = pending_orders(device.store)
    until = iso(device.clock.utc() + timedelta(seconds=30))
    assert (order.name, order.id, order.until) == ("identify", ID, until)


def test_reload_campaign_is_handed_to_the_director(device, office):
    assert the_reply(give(device, office, "reload-campaign")).outcome == "done"
    assert [order.name for order in pending_orders(device.store)] == ["reload-campaign"]


@pytest.mark.parametrize(
    ("process", "names"),
    [
        ("vision", {"vision"}),
        ("director", {"director"}),
        ("uplink", {"uplink"}),
        ("all", {"vision", "director", "uplink"}),
    ],
)
def test_a_restart_is_answered_before_it_is_asked_for(device, office, process, names):
    folder = device.settings.desired.folder / "restart"
    reply = the_reply(give(device, office, "restart", args={"process": process}))
    assert reply.outcome == "done"
    assert not folder.exists()
    device.turn(2)
    assert {path.name for path in folder.iterdir()} == names


@pytest.mark.parametrize("args", [{}, {"process": "sshd"}, {"process": "../vision"}])
def test_nothing_else_is_ever_restarted(device, office, args):
    reply = the_reply(give(device, office, "restart", args=args))
    assert reply.outcome == "failed"
    assert "vision, director, uplink or all" in reply.detail
    device.turn(5)
    assert not (device.settings.desired.folder / "restart").exists()


REFUSED = {
    "of another device": ("identify", {"target": "demo/shop-2/*"}, "not-allowed"),
    "expired": ("identify", {"expires_at": -1}, "expired"),
    "valid for too long": ("identify", {"expires_at": 601}, "not-allowed"),
    "from the future": ("identify", {"issued": 7200, "expires_at": 7260}, "not-allowed"),
    "unknown": ("open-the-door", {}, "unknown-command"),
}
"""Times in seconds from now."""


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_may_not_be_is_answered_and_not_done(device, office, case):
    name, changes, outcome = case
    now = device.clock.utc()
    told = {
        key: iso(now + timedelta(seconds=value)) if isinstance(value, int) else value
        for key, value in changes.items()
    }
    reply = the_reply(give(device, office, name, **told))
    assert reply.outcome == outcome
    assert reply.detail
    assert pending_orders(device.store) == []


def test_a_command_for_a_whole_site_is_obeyed(device, office):
    assert the_reply(give(device, office, "ping", target="demo/shop-1/*")).outcome == "done"


def test_a_command_that_the_shop_does_not_allow_is_refused(tmp_path, office):
    device = Device(tmp_path, office, desired={"commands": ["ping"]})
    assert the_reply(give(device, office, "ping")).outcome == "done"
    for name in ("identify", "restart", "diagnose", "install-certificate"):
        reply = the_reply(give(device, office, name))
        assert (reply.outcome, "desired.commands" in reply.detail) == ("not-allowed", True)
    device.close()


def test_without_a_clock_that_was_set_nothing_expires_so_nothing_is_done(tmp_path, office):
    device = Device(tmp_path, office, clock={"trust": "synchronised"})
    device.clock.synchronised = False
    assert the_reply(give(device, office, "identify")).outcome == "clock-unset"
    assert pending_orders(device.store) == []
    device.clock.synchronised = True
    assert the_reply(give(device, office, "identify")).outcome == "done"
    device.close()


def test_a_command_is_obeyed_once_over_a_restart_too(device, office):
    command = office.command("identify", device.clock, id=ID)
    the_reply(device.hear("down/command", command))
    assert device.hear("down/command", command) == []
    device.store.db.execute("DELETE FROM orders")
    device.desired.close()
    device.start()
    assert device.hear("down/command", command) == []
    assert pending_orders(device.store) == []
    device.clock.advance(61)
    assert device.hear("down/command", command) == [], "it was answered"
    # A clock that is put right is put back by minutes.
    device.clock.set_wall(device.clock.wall - timedelta(minutes=10))
    device.desired.close()
    device.start()
    assert device.hear("down/command", command) == []
    device.clock.advance(2 * 3600)
    give(device, office, "ping")
    assert device.store.db.execute("SELECT count(*) FROM commands").fetchone() == (1,)


def test_a_state_file_that_cannot_be_written_obeys_nothing(device, office):
    device.store.db.execute("PRAGMA query_only=ON")
    reply = the_reply(give(device, office, "restart", args={"process": "all"}))
    assert reply.outcome == "failed"
    assert "not written" in reply.detail
    device.turn(5)
    assert not (device.settings.desired.folder / "restart").exists()


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b'{"schema":1,"body":"{}","key":"0","signature":""}', b"x" * 1_000_000],
    ids=["empty", "no JSON", "not sealed", "a megabyte"],
)
def test_what_nobody_signed_is_not_even_answered(device, payload, caplog):
    assert device.hear("down/command", payload) == []
    assert "Traceback" not in caplog.text


def test_a_stranger_is_not_answered_and_a_document_is_no_command(device, office, tmp_path):
    (tmp_path / "other").mkdir()
    stranger = HeadOffice(tmp_path / "other")
    assert give(device, stranger, "identify") == []
    sealed = json.loads(office.command("identify", device.clock))
    as_document = office.sealed(json.loads(sealed["body"]), "document")
    assert device.hear("down/command", as_document) == []
    altered = sealed | {"body": sealed["body"].replace("identify", "diagnose")}
    assert device.hear("down/command", json.dumps(altered).encode()) == []
    assert pending_orders(device.store) == []


def test_too_many_at_once_are_left_out_and_told(device, office, caplog):
    for _ in range(40):
        device.desired.on_message("down/command", office.command("ping", device.clock))
    assert len(device.turn()) == 32
    assert "event=command_refused" in caplog.text


def test_a_diagnosis_tells_of_the_device_and_of_nobody_else(device, office):
    log = logging.getLogger("kiosk.uplink.test")
    for number in range(60):
        log.warning("event=something number=%d\nand <b>more</b>", number)
    log.info("event=quiet")
    said = {
        "vision": {"state": "live", "peak_fps": 15, "accelerator": "CPU", "picture": "x"},
        "screens": 1,
        "passes": 17,
        "watchers": 5,
        "stopped_s": 3.0,
    }
    write_health(device.store, "director", said, iso(device.clock.utc()))
    reply = the_reply(give(device, office, "diagnose"))
    data = reply.data
    assert (data["version"], data["clock_set"]) == (__version__, True)
    assert (data["vision_state"], data["vision_peak_fps"], data["screens"]) == ("live", 15, 1)
    assert data["disk_free_mb"] > 0
    assert data["memory_free_mb"] > 0
    assert (data["outbox_waiting"], data["config_version"], data["campaign_version"]) == (0, 0, 0)
    assert len(reply.lines) == 50
    assert reply.lines[-1].endswith("WARNING event=something number=59 and <b>more</b>")
    told = reply.encode().decode()
    # Vision looks at more frames while somebody is there, and the load says so.
    for secret in ("passes", "watchers", "picture", "stopped_s", "quiet", "load"):
        assert secret not in told


def test_a_diagnosis_without_a_director_is_answered_too(device, office):
    assert the_reply(give(device, office, "diagnose")).data["director_said"] is None


def test_a_secret_of_the_configuration_is_in_no_reply(tmp_path, office):
    password = tmp_path / "password"
    password.write_text("correct horse")
    device = Device(
        tmp_path, office, broker={"username": "u", "password_file": password, "host": "h.example"}
    )
    for name in ("ping", "diagnose", "rotate-certificate"):
        [reply] = give(device, office, name)
        assert "correct horse" not in reply.encode().decode()
    device.close()
