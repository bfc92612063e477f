"""Nothing leaves: every byte that the device writes and sends while it watches faces."""

from __future__ import annotations

import base64
import json
import random
import sqlite3
import struct
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

import pytest

from kiosk.vision import Viewer, VisionRecord
from tests.e2e.tap import fields, mqtt, pages, scan, shapes, shop, speech, state
from tests.e2e.tap.ledger import Ledger, Places
from tests.e2e.tap.trace import calls
from tests.e2e.tap.verdict import Verdict

pytestmark = pytest.mark.timeout(180)

SECONDS = 10.0
"""Of faces, in the short version: a play ends, batches leave, and the hour is closed at the end."""

CHANCE = random.Random(0)
FEATURES = [CHANCE.uniform(-1, 1) for _ in range(128)]
CROP = CHANCE.randbytes(32 * 32)
VIEWER: dict[str, Any] = {
    "id": "0123abcd",
    "first_s": 1.5,
    "last_s": 2.5,
    "box": [0.1, 0.2, 0.3, 0.4],
    "looking": True,
    "live": True,
    "age_band": "25-34",
    "age_p": 0.9,
    "gender": "female",
    "gender_p": 0.9,
    "mood": "happy",
    "mood_p": 0.9,
    "minor_possible": False,
}
RECORD: dict[str, Any] = {
    "t_s": 2.5,
    "frames": 3,
    "fps": 24.0,
    "inference_ms": 2.9,
    "accelerator": "CPU",
    "source": "video0",
    "dark": False,
}
Run = tuple[shop.Tapped, Verdict]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    with shop.tapped(tmp_path_factory.mktemp("tap")) as tapped:
        shop.watch(tapped, SECONDS)
    return tapped, tapped.verdict()


# ---- the running system -------------------------------------------------------------------------


def test_nothing_leaves_but_what_is_promised(run: Run) -> None:
    assert sorted(set(run[1].offences)) == []


def test_the_tap_was_on_every_channel_and_nothing_else_was_written(run: Run) -> None:
    sizes = run[1].sizes
    assert {place for place, size in sizes.items() if size} >= {
        ("vision", "audience"),
        ("vision", "log"),
        ("vision", "notify"),
        ("director", "page"),
        ("director", "state"),
        ("director", "log"),
        ("uplink", "broker"),
        ("uplink", "state"),
    }
    assert {channel for _, channel in sizes} <= {
        *("audience", "log", "notify", "wake", "page", "state", "broker", "noise"),
    }


def test_the_tap_missed_no_message_and_no_write(run: Run) -> None:
    tapped, verdict = run
    assert verdict.state is not None
    assert verdict.state.commits > 5
    assert state.same_as(tapped.folder / "state.db", verdict.state.tables)
    published = [(topic, json.loads(payload)) for topic, payload in verdict.published]
    heard = [message for message in tapped.heard if not message[0].endswith("/down/ack")]
    assert heard
    assert all(message in published for message in heard)
    assert {topic.removeprefix(f"{shop.BRANCH}/") for topic, _ in published} == fields.UNASKED


def test_faces_were_there_while_the_tap_was_on(run: Run) -> None:
    viewers = [viewer for shown in run[0].states for viewer in shown["viewers"]]
    assert len(viewers) > 10
    assert {"female"} <= {viewer["gender"] for viewer in viewers}


def test_no_name_in_the_lists_is_left_over(run: Run) -> None:
    seen = run[1].seen
    assert set(fields.RECORD) == seen["audience"]
    unseen = set(fields.OPERATOR) - seen["/operator/ws"]
    assert {path for path in unseen if path not in fields.SELDOM} == set()


# ---- what the checkers do to doctored data ------------------------------------------------------


def test_the_frozen_record_is_the_one_of_the_product() -> None:
    names = {field.name for field in fields_of(VisionRecord)} - {"viewers"}
    names |= {f"viewers[].{field.name}" for field in fields_of(Viewer)}
    assert names == set(fields.RECORD)


@pytest.mark.parametrize(
    ("added", "says"),
    [
        ({"embedding": FEATURES}, "viewers[].embedding"),
        ({"crop": "data:image/jpeg;base64,/9j/4AAQ"}, "viewers[].crop"),
        ({"name": "Ada"}, "viewers[].name"),
        ({"nothing": []}, "viewers[].nothing"),
        ({"box": [0.1, 0.2, 0.3, 0.4, 0.5]}, "viewers[].box"),
        ({"gender": "female, 34, grey coat"}, "viewers[].gender"),
        ({"id": base64.b64encode(CROP).decode()}, "viewers[].id"),
        ({"age_p": int.from_bytes(CROP)}, "viewers[].age_p"),
    ],
    ids=["embedding", "crop", "name", "empty", "longer box", "free text", "id", "digits"],
)
def test_a_viewer_with_more_to_say_is_an_offence(added: dict[str, Any], says: str) -> None:
    whole = _viewer_line()
    assert speech.check_audience(whole) == []
    assert any(says in one for one in speech.check_audience(_viewer_line(**added)))


def test_hours_with_a_field_of_faces_are_an_offence(run: Run) -> None:
    topic, payload = next(one for one in run[1].published if one[0].endswith("up/hours"))
    assert mqtt.check_message(topic, payload, shop.BRANCH) == []
    hour = json.loads(payload)
    doctored: list[dict[str, Any]] = [hour | {"faces": 3}]
    doctored.append(hour | {"tables": hour["tables"] | {"faces": [0.1, 0.2]}})
    doctored.append(hour | {"tables": hour["tables"] | {"mood": {"happy and tall": 1}}})
    doctored.append(hour | {"tables": hour["tables"] | {"ots": "3"}})
    for each in doctored:
        assert mqtt.check_message(topic, json.dumps(each).encode(), shop.BRANCH) != []
    elsewhere = topic.replace("up/hours", "up/faces")
    assert mqtt.check_message(elsewhere, payload, shop.BRANCH) != []


def test_health_that_tells_more_is_an_offence(run: Run) -> None:
    told = [json.loads(said) for topic, said in run[1].published if topic.endswith("up/health")]
    health = next(said for said in told if said["vision"] is not None)
    assert shapes.offences(health, fields.HEALTH_MESSAGE, fields.KEYS) == []
    vision, outbox = health["vision"], health["outbox"]
    doctored: list[dict[str, Any]] = [
        {"vision": vision | {"in_view": 3}},
        {"vision": vision | {"dark": 0.25}},
        {"outbox": outbox | {"hours": outbox["hours"] | {"last": 4}}},
        {"outbox": outbox | {"faces": {"lowest": 1, "next": 2}}},
        {"campaign": health["campaign"] | {"viewer": "female"}},
        {"temperature_c": FEATURES},
    ]
    for each in doctored:
        assert shapes.offences(health | each, fields.HEALTH_MESSAGE, fields.KEYS) != [], each


def test_a_reply_that_tells_more_is_an_offence() -> None:
    reply = {"schema": 1, "id": "0123456789abcdef", "name": "diagnose", "outcome": "done"}
    reply |= {"detail": "", "at": "2026-11-22T17:00:00Z", "data": {"disk_free_mb": 900, "ok": True}}
    reply |= {"lines": ["event=camera_silent source=video0"]}
    assert shapes.offences(reply, fields.REPLY, fields.KEYS) == []
    for each in (
        {"data": {"crop": base64.b64encode(CROP).decode()}},
        {"data": {"faces": FEATURES}},
        {"data": {"Ada Lovelace": 1}},
        {"lines": ["x" * 501]},
        {"picture": "snapshot"},
    ):
        assert shapes.offences(reply | each, fields.REPLY, fields.KEYS) != [], each


def test_a_field_is_an_offence_though_the_schema_was_renewed() -> None:
    document = {"state": "online", "version": "1", "since": "2026-11-22T17:00:00Z", "schema": 1}
    assert shapes.offences(document, fields.STATUS, fields.KEYS) == []
    assert shapes.offences(document | {"who": "Ada"}, fields.STATUS, fields.KEYS) != []


def test_a_table_with_another_column_or_bytes_is_an_offence(run: Run) -> None:
    with sqlite3.connect(run[0].folder / "state.db") as source:
        database = sqlite3.connect(":memory:")
        source.backup(database)
    assert state.check_columns(database) == []
    database.execute("ALTER TABLE plays ADD COLUMN face BLOB")
    assert state.check_columns(database) != []
    database.execute("CREATE TABLE faces (id INTEGER)")
    assert len(state.check_columns(database)) == 2
    bytes_ = [("0" * 16, "aurora", "demo", "rotation: x", CROP, "", 1.0, 1, 1, 1)]
    assert state.check_rows("plays", bytes_, shop.BRANCH) != []
    health = ("director", json.dumps({"vision": {"embedding": FEATURES}}), "2026-11-22T17:00:00Z")
    assert state.check_rows("health", [health], shop.BRANCH) != []


def test_an_operators_message_with_a_crop_is_an_offence(run: Run) -> None:
    shown = next(shown for shown in run[0].states if shown["viewers"])
    assert pages.check_said("/operator/ws", json.dumps(shown).encode()) == []
    for added in ({"crop": "data:image/png;base64,AAAA"}, {"face": FEATURES[:20]}):
        viewers = [viewer | added for viewer in shown["viewers"]]
        said = json.dumps(shown | {"viewers": viewers}).encode()
        assert pages.check_said("/operator/ws", said) != []


def test_a_screen_that_is_told_more_than_which_one_it_is_is_an_offence() -> None:
    told = {"type": "identify", "name": "demo/shop-1/kiosk-1", "seconds": 30.0}
    assert pages.check_said("/screen/ws", json.dumps(told).encode()) == []
    for added in ({"viewer": VIEWER["id"]}, {"name": "a woman, 34"}, {"type": "greet"}):
        assert pages.check_said("/screen/ws", json.dumps(told | added).encode()) != []


def test_a_page_that_is_not_the_file_on_the_disk_is_an_offence(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_bytes(b"<svg/>")
    files = {"/media/a/a.svg": tmp_path / "a.svg"}
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: image/svg+xml\r\n\r\n<svg/>"
    assert pages.check_page("/media/a/a.svg?v=1", answer, files) == []
    assert pages.check_page("/media/a/a.svg?v=1", answer + CROP, files) != []
    assert pages.check_page("/snapshot.jpg", answer, files) != []


@pytest.mark.parametrize(
    "data",
    [
        b"x\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x10\0\0\0WEBPVP8 ",
        b"GIF89a",
        b"BM\x36\x0c\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
        b"II\x2a\0\x08\0\0\0",
        b"\0\0\0\x1cftypavif",
        b"\0\0\0\x1cftypheic",
        b"\0\0\0\x0cJXL \r\n\x87\n",
        b"\x93NUMPY",
        b"src=data:image/jpeg;base64,",
        json.dumps(FEATURES).encode(),
        ",".join(f"{one:.3f}" for one in FEATURES).encode(),
        " ".join(str(one) for one in CROP[:40]).encode(),
        base64.b64encode(struct.pack("128b", *(int(one * 127) for one in FEATURES))),
        struct.pack("128f", *FEATURES).hex().encode(),
        struct.pack("128f", *FEATURES),
        CROP,
        json.dumps(CROP.decode("latin-1")).encode(),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_pictures_crops_and_embeddings_are_found_wherever_they_are(data: bytes) -> None:
    assert scan.find_all(b"event=play " + data + b" creative=aurora") != []


def test_a_log_line_cannot_be_long_or_binary() -> None:
    assert speech.check_log(b"12:00:00 vision INFO event=first_frame size=640x360\n") == []
    assert speech.check_log(b"a b " * 200) != []
    assert speech.check_log(CROP) != []
    assert speech.check_notes([b"READY=1", b"STATUS=24 fps on CPU, 1 in view"]) == []
    assert speech.check_notes([b"STATUS=" + b"x" * 300]) != []
    assert speech.check_wake(b"\0\0\0") == []
    assert speech.check_wake(b"\0\0face") != []


@pytest.mark.parametrize(
    "line",
    [
        r'openat(AT_FDCWD<\x2f>, "\x2f\x74\x6d\x70\x2f\x61", O_WRONLY|O_CREAT, 0600) = 5</tmp/a>',
        r'write(5<\x2f\x74\x6d\x70\x2f\x61>, "\x61", 1) = 1',
        r'sendto(5<TCP:[10.0.0.1:40000->10.0.0.2:443]>, "\x61", 1, 0, NULL, 0) = 1',
        r'connect(5<UDP:[1]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("\x38")}'
        ", 16) = 0",
        r"sendfile(5<TCP:[1]>, 4<\x61>, NULL, 10) = 10",
        "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000",
        r'memfd_create("\x61", 0) = 5',
        r'mkdir("\x66\x61\x63\x65", 0700) = 0',
        r'execve("\x2f\x62", ["\x63"], 0x7f /* 3 vars */) = 0',
        r'write(2<\x2f\x6c>, "\x61"..., 9) = 9',
    ],
    ids=lambda line: line.split("(")[0],
)
def test_a_call_that_belongs_to_no_channel_is_an_offence(line: str, tmp_path: Path) -> None:
    start = r'1 1.0 execve("\x2f\x61", ["\x61"], 0x7f /* 3 vars */) = 0'
    ledger = Ledger(Places(tmp_path, 8765, 1883))
    ledger.book(calls("vision", [start, f"1 2.0 {line}"]))
    assert ledger.offences != []


def test_a_line_that_the_tap_does_not_understand_stops_it() -> None:
    with pytest.raises(ValueError, match="not a"):
        list(calls("vision", ["1 1.0 write(?"]))


def _viewer_line(**added: Any) -> bytes:
    return json.dumps(RECORD | {"viewers": [VIEWER | added]}).encode() + b"\n"
