"""The health message."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.clock import SystemClock
from kiosk.config import Settings
from kiosk.machine import process_start
from kiosk.service import Heartbeat
from kiosk.state import Outbox, PlayBook, PlayStart, open_store, read_health
from kiosk.uplink.carrier import Carrier
from kiosk.uplink.machine import disk_free_mb, temperature_c
from kiosk.uplink.vitals import Cap, Kept, health_message, read_kept
from kiosk.wire import Branch, DocumentHealth, OutboxHealth, StreamHealth, json_schemas
from tests.fakes import FakeClock
from tests.mosquitto import Mosquitto
from tests.uplink.fleet import drive, settings_for, uplink_for

AT = datetime(2026, 1, 2, 10, 0, tzinfo=UTC)
VISION = {"state": "live", "peak_fps": 15, "accelerator": "CPU", "dark": False}
STREAM = StreamHealth(lowest=3, next=9)
OUTBOX = OutboxHealth(
    epoch="0123abcd", waiting=3, unacknowledged=4, kb=20, hours=STREAM, plays=STREAM
)
OWN = DocumentHealth(version=0)


class SetClock(SystemClock):
    """Ten o'clock, as far as a time service has said so."""

    def __init__(self, known: bool) -> None:
        self.known = known

    def utc(self) -> datetime:
        return AT

    def is_set(self, _marker: Path) -> bool:
        return self.known


def health(director, known=True, **sections):
    configured = Settings.model_validate(sections)
    kept = Kept(director, OUTBOX)
    documents = (OWN, DocumentHealth(version=7, name="spring", refused=8, reason="no media"))
    message = health_message(kept, configured, SetClock(known), 61.9, documents)
    payload = json.loads(message.encode())
    jsonschema.validate(payload, json_schemas()["up-health"])
    return payload


@pytest.mark.parametrize(
    ("director", "vision", "screens"),
    [
        pytest.param(None, None, 0, id="never said anything"),
        pytest.param(
            ({"vision": VISION, "screens": 2}, "2026-01-02T09:59:40Z"), VISION, 2, id="ok"
        ),
        pytest.param(({"screens": 1}, "2026-01-02T09:59:40Z"), None, 1, id="no vision"),
        pytest.param(({"vision": VISION, "screens": 2}, "2026-01-02T09:00:00Z"), None, 0, id="old"),
        pytest.param(({"vision": VISION}, "2026-01-02T10:30:00Z"), VISION, 0, id="clock set back"),
        pytest.param(
            ({"vision": {"peak_fps": -1}}, "2026-01-02T09:59:40Z"), None, 0, id="unreadable"
        ),
        pytest.param(({"vision": VISION}, "yesterday"), None, 0, id="no time"),
    ],
)
def test_health_fits_the_published_schema_whatever_the_director_said(director, vision, screens):
    payload = health(director)
    assert payload["vision"] == vision
    assert payload["screens"] == screens
    assert payload["uptime_s"] == 61
    assert payload["outbox"] == OUTBOX.model_dump()
    assert payload["campaign"] == {
        "version": 7, "name": "spring", "refused": 8, "reason": "no media"
    }  # fmt: skip


def test_a_rest_that_is_wanted_and_a_black_picture_are_told():
    said = {"vision": VISION | {"dark": True}, "resting": True, "screens": 1}
    payload = health((said, "2026-01-02T09:59:40Z"))
    assert payload["resting"] is True
    assert payload["vision"]["dark"] is True
    assert health(({"resting": True}, "2026-01-02T09:00:00Z"))["resting"] is False, "no news of now"


@pytest.mark.parametrize(
    ("known", "trust", "told"),
    [
        (True, "synchronised", "set"),
        (False, "synchronised", "unset"),
        (False, "always", "set"),
    ],
)
def test_a_clock_that_nobody_has_set_is_told_unless_it_is_to_be_believed(known, trust, told):
    assert health(None, known, clock={"trust": trust})["clock"] == told


# ---- what the outbox still holds ----------------------------------------------------------------

STEP = st.one_of(st.just("publish"), st.integers(0, 12).map(lambda seq: ("ack", seq)))


@given(st.lists(STEP, max_size=25))
@settings(max_examples=25, deadline=None)
def test_no_number_below_the_lowest_is_in_the_outbox_and_none_above_next(tmp_path_factory, steps):
    store = open_store(tmp_path_factory.mktemp("state") / "state.db", SystemClock())
    store.db.execute("PRAGMA synchronous=OFF")
    outbox, book = Outbox(store), PlayBook(store)
    for number, step in enumerate(steps):
        if step == "publish":
            start = PlayStart(f"p{number}", "tea", "spring", "", "", "2026-01-02T10:00:00Z", True)
            book.start(start)
            book.end(start.play_id, 8.0, completed=True)
            book.batch(lambda _seq, _plays: b"{}", "2026-01-02T10:00:00Z")
        else:
            outbox.acknowledge("plays", store.epoch, step[1])
        span = outbox.spans()["plays"]
        held = [seq for (seq,) in store.db.execute("SELECT seq FROM outbox ORDER BY seq")]
        assert span.lowest == (held[0] if held else span.next)
        assert held == list(range(span.lowest, span.next))
    kept = read_kept(store)
    assert kept.outbox.hours == StreamHealth(lowest=1, next=1)
    assert kept.outbox.plays.next == steps.count("publish") + 1
    store.close()


# ---- the cap ------------------------------------------------------------------------------------


def test_a_state_file_above_its_cap_is_told_once_until_it_has_shrunk(caplog):
    caplog.set_level("INFO")
    cap = Cap(most_mb=10)
    sizes = [9_000, 10_240, 10_241, 11_000, 10_000, 20_000]
    over = [cap.exceeded(OUTBOX.model_copy(update={"kb": kb})) for kb in sizes]
    assert over == [False, False, True, True, False, True]
    told = [line.split(":")[0] for line in caplog.messages]
    assert [line.split()[0] for line in told] == [
        *("event=state_over_cap", "event=state_below_cap", "event=state_over_cap"),
    ]


def test_room_within_the_file_is_not_counted_as_used(tmp_path):
    store = open_store(tmp_path / "state.db", SystemClock())
    with store.transaction() as db:
        rows = [("plays", seq, b"x" * 40000, 0, "") for seq in range(1, 300)]
        db.conn.executemany("INSERT INTO outbox VALUES (?, ?, ?, ?, ?)", rows)
        db.execute("INSERT INTO streams VALUES ('plays', 299)")
    full = read_kept(store).outbox.kb
    Outbox(store).acknowledge("plays", store.epoch, 299)
    assert full > 10_000
    assert read_kept(store).outbox.kb < full / 4
    store.close()


def test_what_is_counted_in_the_open_hour_does_not_show_in_the_size(tmp_path):
    store = open_store(tmp_path / "state.db", SystemClock())
    empty = read_kept(store).outbox
    with store.transaction() as db:
        cells = [("2026-01-02T10:00:00Z", f"age_gender/{cell}", 1) for cell in range(400)]
        db.conn.executemany("INSERT INTO open_hours VALUES (?, ?, ?)", cells)
    assert read_kept(store).outbox == empty
    store.close()


# ---- the machine --------------------------------------------------------------------------------


def sensor(root: Path, name: str, value: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(value)


def test_the_hottest_sensor_is_told_whoever_has_it(tmp_path):
    assert temperature_c(tmp_path) is None
    sensor(tmp_path, "class/thermal/thermal_zone0/temp", "41200\n")
    sensor(tmp_path, "class/thermal/thermal_zone1/temp", "")
    sensor(tmp_path, "class/hwmon/hwmon3/temp1_input", "58900\n")
    sensor(tmp_path, "class/hwmon/hwmon3/temp2_input", "-273000\n")
    sensor(tmp_path, "class/hwmon/hwmon3/temp3_input", "255000\n")
    assert temperature_c(tmp_path) == 59


def test_a_disk_that_cannot_be_asked_is_told_as_unknown(tmp_path):
    assert disk_free_mb(tmp_path / "state.db") > 0
    assert disk_free_mb(tmp_path / "gone/state.db") is None


def uplinks_word(settings: Settings) -> dict:
    store = open_store(settings.state.path, SystemClock())
    try:
        word = read_health(store, "uplink")
    finally:
        store.close()
    assert word is not None
    return word[0]


def test_it_leaves_word_on_the_device_whether_it_is_connected(tmp_path):
    with Mosquitto(tmp_path / "broker") as broker:
        settings = settings_for(tmp_path, broker.port)
        uplink = uplink_for(settings)
        said = uplinks_word(settings)
        assert said == {
            "connected": False,
            "broker": f"127.0.0.1:{broker.port}",
            "pid": os.getpid(),
            "began": process_start(os.getpid()),
        }
        drive(uplink, until=lambda: uplinks_word(settings)["connected"], what="it is connected")
        uplink.close()
        assert not uplinks_word(settings)["connected"], "an orderly end"


class Connection:
    """As much of a link as decides what is told."""

    connected = False
    room = 0


def test_a_connection_that_comes_and_goes_is_told_seldom_and_at_last_rightly(tmp_path):
    clock, link = FakeClock(), Connection()
    settings = Settings.model_validate({"state": {"path": tmp_path / "state.db"}})
    carrier = Carrier(
        settings,
        Branch("demo", "shop-1", "kiosk-1"),
        clock=clock,
        random=Random(1),
        heartbeat=Heartbeat(),
    )
    changes = carrier.store.db.execute
    changes("CREATE TABLE told (at REAL)")
    changes("CREATE TRIGGER tell AFTER INSERT ON health BEGIN INSERT INTO told VALUES (1); END")
    link.connected = True
    carrier.turn(link)
    assert uplinks_word(settings)["connected"], "the first change is told at once"
    for _ in range(600):
        link.connected = not link.connected
        clock.advance(0.1)
        carrier.turn(link)
    link.connected = False
    for _ in range(12):
        clock.advance(1)
        carrier.turn(link)
    assert not uplinks_word(settings)["connected"]
    (count,) = changes("SELECT count(*) FROM told").fetchone()
    assert 3 <= count <= 9, "once in ten seconds at most"
    before = count
    for _ in range(1000):
        clock.advance(1)
        carrier.turn(link)
    (count,) = changes("SELECT count(*) FROM told").fetchone()
    assert count == before, "what has not changed is not written again"
    carrier.close()
