"""Payloads and topics: what leaves the device is what is published."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import ValidationError

from kiosk import wire
from kiosk.wire import PAYLOADS, Branch, Health, Hours, PlayProof, Plays, json_schemas, parse_topic

SCHEMAS = Path(__file__).parents[2] / "deploy/schemas"
NOW = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=timezone(timedelta(hours=2)))

SCHEMA = {"up/hours": 2, "up/plays": 2, "up/health": 3}
"""Versions above the first."""


def examples() -> dict[str, wire.Payload]:
    people = {"65+": {"female": 1}}
    tables = wire.HourTables(
        plays=2,
        ots=3,
        watchers=-1,
        dwell_s=9,
        attention_s=None,
        impressions=7,
        impressions_age_gender=people,
        age_gender=people,
        mood={"happy": 2},
        group_size={"4+": 1},
        creatives={
            "tea": wire.CreativeHour(
                plays=2,
                ots=1,
                watchers=1,
                dwell_s=-4,
                attention_s=4,
                age_gender=None,
                mood=None,
                group_size={"1": 1},
            )
        },
    )
    noise = wire.Noise(epsilon=1.0, scales={"visits": 4.0})
    proof = PlayProof(
        play_id="p",
        creative="tea",
        campaign="spring",
        contract="tea-2026",
        start=NOW,
        duration_s=0.5,
        completed=True,
        presented=False,
    )
    vision = wire.VisionHealth(state="live", peak_fps=10, accelerator="CPU")
    sealed = wire.Sealed(body="{}", key="0" * 16, signature="A" * 86 + "==")
    return {
        "status": wire.Status(state="online", version="1", since=NOW),
        "up/hours": Hours(
            epoch="0123abcd",
            seq=1,
            hour=NOW,
            policy="full",
            noise=noise,
            clamps=wire.Clamps(dwell_s=30, attention_s=30, impressions=4),
            notice_s=3600,
            tables=tables,
        ),
        "up/plays": Plays(epoch="0123abcd", seq=9, plays=[proof]),
        "up/health": Health(
            at=NOW,
            version="1",
            uptime_s=0,
            clock="set",
            vision=vision,
            resting=False,
            screens=1,
            outbox=wire.OutboxHealth(
                epoch="0123abcd",
                waiting=2,
                unacknowledged=1,
                kb=48,
                hours=wire.StreamHealth(lowest=3, next=3),
                plays=wire.StreamHealth(lowest=7, next=10),
            ),
            config=wire.DocumentHealth(version=0),
            campaign=wire.DocumentHealth(version=4, name="spring", refused=5, reason="no media"),
            disk_free_mb=None,
            temperature_c=41,
        ),
        "up/reply": wire.Reply(
            id="0123456789abcdef", name="ping", outcome="done", at=NOW, data={"uptime_s": 5}
        ),
        "down/ack": wire.Ack(stream="hours", epoch="0123abcd", seq=0),
        "down/config": sealed,
        "down/campaigns": sealed,
        "down/command": sealed,
    }


def published(leaf: str) -> dict:
    return json.loads((SCHEMAS / f"{leaf.replace('/', '-')}.schema.json").read_text())


def test_the_published_schemas_are_those_that_the_code_makes():
    found = {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
    # What goes over no wire, but is published beside what does.
    del found["campaign.schema.json"]
    assert found == {f"{name}.schema.json": schema for name, schema in json_schemas().items()}


@pytest.mark.parametrize("leaf", PAYLOADS)
def test_a_payload_fits_its_published_schema_and_is_read_back_the_same(leaf):
    payload = examples()[leaf]
    data = json.loads(payload.encode())
    Draft202012Validator(published(leaf), format_checker=FormatChecker()).validate(data)
    assert type(payload).model_validate_json(payload.encode()).encode() == payload.encode()
    assert data["schema"] == SCHEMA.get(leaf, 1)


@pytest.mark.parametrize("leaf", PAYLOADS)
def test_a_field_that_is_not_published_is_refused_by_the_code_and_by_the_schema(leaf):
    data = {**json.loads(examples()[leaf].encode()), "viewer": "x"}
    with pytest.raises(ValidationError, match="viewer"):
        PAYLOADS[leaf].model_validate(data)
    assert not Draft202012Validator(published(leaf)).is_valid(data)


@pytest.mark.parametrize("leaf", PAYLOADS)
def test_the_schema_refuses_a_payload_that_lacks_what_has_to_be_there(leaf):
    assert not Draft202012Validator(published(leaf)).is_valid({})


def test_a_field_within_a_table_or_a_play_that_is_not_published_is_refused():
    hours, plays = (json.loads(examples()[leaf].encode()) for leaf in ("up/hours", "up/plays"))
    hours["tables"]["faces"] = 1
    plays["plays"][0]["reason"] = "targeted: gender=female"
    with pytest.raises(ValidationError, match="faces"):
        Hours.model_validate(hours)
    with pytest.raises(ValidationError, match="reason"):
        Plays.model_validate(plays)


def test_times_leave_in_utc_with_seconds_and_none_without_a_zone_is_taken():
    data = json.loads(examples()["up/plays"].encode())
    assert data["plays"][0]["start"] == "2026-03-04T03:06:07Z"
    data["plays"][0]["start"] = "2026-03-04T03:06:07"
    with pytest.raises(ValidationError, match="start"):
        Plays.model_validate(data)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_duration_that_is_no_duration_is_refused(value):
    data = json.loads(examples()["up/plays"].encode())
    data["plays"][0]["duration_s"] = value
    with pytest.raises(ValidationError, match="duration_s"):
        Plays.model_validate(data)


name = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


@given(name, name, name, st.sampled_from([*PAYLOADS]))
def test_a_topic_is_read_back_as_branch_and_leaf(tenant, site, device, leaf):
    branch = Branch(tenant, site, device)
    assert parse_topic(branch.topic(leaf)) == (branch, leaf)


@pytest.mark.parametrize("topic", ["", "kiosk/v1", "kiosk/v2/a/b/c/status", "x/kiosk/v1/a/b/c/d"])
def test_a_topic_of_another_tree_is_none_of_ours(topic):
    assert parse_topic(topic) is None


def test_the_hour_of_a_payload_is_the_hour_that_was_given():
    hour = datetime(2026, 1, 1, 23, tzinfo=UTC)
    assert json.loads(examples()["up/hours"].model_copy(update={"hour": hour}).encode())[
        "hour"
    ] == ("2026-01-01T23:00:00Z")


def test_a_time_that_no_calendar_has_in_utc_is_refused_and_not_a_crash():
    early = '{"state":"online","version":"1","since":"0001-01-01T00:00:00+05:00"}'
    with pytest.raises(ValidationError, match="outside the calendar"):
        wire.Status.model_validate_json(early)


def test_health_of_a_device_that_was_not_updated_yet_is_still_understood():
    said = (
        '{"schema":2,"at":"2026-01-01T10:00:00Z","version":"0.4","uptime_s":9,"vision":'
        '{"state":"live","peak_fps":15,"accelerator":"CPU"},"screens":1,"outbox_waiting":3,'
        '"outbox_unacknowledged":4}'
    )
    with pytest.raises(ValidationError, match="schema"):
        Health.model_validate_json(said)
    earlier = wire.EARLIER["up/health"].model_validate_json(said)
    assert earlier.encode() == said.encode()
    with pytest.raises(ValidationError, match="faces"):
        wire.EARLIER["up/health"].model_validate_json(
            said.replace('"screens"', '"faces":1,"screens"')
        )
