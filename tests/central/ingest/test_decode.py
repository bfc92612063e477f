"""What is of the contract, and what is not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.central.ingest.decode import RejectedPayloadError, branch_of, decode
from kiosk.wire import PAYLOADS, Branch, CreativeHour, Hours
from tests.central.store.books import health
from tests.uplink.fleet import BRANCH, hours_payload, plays_payload

GOOD = hours_payload("0123abcd", 1)


def test_a_good_message_keeps_its_branch_and_its_bytes():
    entry = decode(f"{BRANCH}/up/hours", GOOD)
    assert entry.branch == Branch("demo", "shop-1", "kiosk-1")
    assert isinstance(entry.content, Hours)
    assert entry.payload == GOOD


@pytest.mark.parametrize(
    ("leaf", "payload", "reason"),
    [
        pytest.param("up/hours", b"", "Invalid JSON", id="empty"),
        pytest.param("up/hours", b"\xff\x00", "Invalid JSON", id="binary"),
        pytest.param("up/hours", b"[" * 100_000, "Invalid JSON", id="deep"),
        pytest.param("up/hours", b"{}", "epoch", id="keys missing"),
        pytest.param("up/hours", GOOD[:-1] + b',"face":1}', "face", id="unknown key"),
        pytest.param(
            "up/hours", GOOD.replace(b'"hours"', b'"plays"'), "stream", id="another stream"
        ),
        pytest.param("up/hours", GOOD.replace(b'"schema":2', b'"schema":1'), "schema", id="mixed"),
        pytest.param("up/secrets", GOOD, "no such topic", id="unknown topic"),
        pytest.param(
            "down/ack", b'{"stream":"hours","epoch":"0123abcd","seq":1}', "do not", id="ack"
        ),
        pytest.param(
            "up/hours",
            GOOD.replace(b'"seq":1', b'"seq":%d' % 2**63),
            "less than or equal",
            id="huge number",
        ),
        pytest.param(
            "up/hours",
            GOOD.replace(b'"notice_s":0', b'"notice_s":9' + b"9" * 30),
            "notice_s",
            id="a number that no column holds",
        ),
        pytest.param(
            "up/plays", plays_payload("0123abcd", 1, "a\x00b"), "NUL", id="no text of a database"
        ),
        pytest.param("up/hours", GOOD + b" " * 1_000_000, "bytes", id="huge"),
        pytest.param(
            "up/hours", GOOD.replace(b'"schema":2', b'"schema":99'), "schema", id="later version"
        ),
    ],
)
def test_what_is_not_of_the_contract_is_refused_in_one_line(leaf, payload, reason):
    with pytest.raises(RejectedPayloadError, match=reason) as caught:
        decode(f"{BRANCH}/{leaf}", payload)
    assert "\n" not in str(caught.value)


def changed(payload, **changes):
    return json.dumps(json.loads(payload) | changes).encode()


@pytest.mark.parametrize("number", [2**63, -(2**63), 10**400])
@pytest.mark.parametrize("name", ["uptime_s", "disk_free_mb", "temperature_c"])
def test_health_holds_no_number_that_its_readers_cannot(name, number):
    """One device's made-up number must not keep the metrics of all from being read."""
    with pytest.raises(RejectedPayloadError):
        decode(f"{BRANCH}/up/health", changed(health(1).payload, **{name: number}))


@pytest.mark.parametrize("scale", [1e300, 2e9, -0.001, 5e-324])
def test_noise_has_a_scale_whose_deviation_can_be_told(scale):
    noise = {"epsilon": 1.0, "scales": {"visits": scale}}
    payload = changed(GOOD, noise=noise)
    if 0 <= scale <= 1:
        assert decode(f"{BRANCH}/up/hours", payload).content.noise.scales == {"visits": scale}
        return
    with pytest.raises(RejectedPayloadError, match=r"noise\.scales"):
        decode(f"{BRANCH}/up/hours", payload)


def test_an_hour_has_no_more_creatives_or_plays_than_there_can_be():
    tables = json.loads(GOOD)["tables"]
    one = dict.fromkeys(CreativeHour.model_fields) | {"plays": 1, "ots": 1, "watchers": 0}
    many = {f"spot-{number}": one for number in range(1001)}
    for wrong in (
        {"creatives": many},
        {"plays": 2**31 + 1},
        {"age_gender": None} | {"creatives": many},
    ):
        with pytest.raises(RejectedPayloadError, match="tables"):
            decode(f"{BRANCH}/up/hours", changed(GOOD, tables=tables | wrong))
    clamps = json.loads(GOOD)["clamps"] | {"dwell_s": 2**63}
    with pytest.raises(RejectedPayloadError, match="64 bits"):
        decode(f"{BRANCH}/up/hours", changed(GOOD, clamps=clamps))


@pytest.mark.parametrize(
    "branch",
    ["a//c", "a/b/c'; DROP TABLE hours", "<b>/b/c", "a/b/" + "c" * 65, "a/b/é"],
)
def test_a_name_that_no_device_can_have_is_refused(branch):
    with pytest.raises(RejectedPayloadError):
        decode(f"kiosk/v1/{branch}/up/hours", GOOD)
    assert branch_of(f"kiosk/v1/{branch}/up/hours") is None


def test_the_letters_of_nul_are_a_text_like_any_other():
    payload = plays_payload("0123abcd", 1, "\\u0000")
    assert decode(f"{BRANCH}/up/plays", payload).content.plays[0].play_id == "\\u0000"


@given(leaf=st.sampled_from([*PAYLOADS, "up/other", ""]), payload=st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(leaf, payload):
    with pytest.raises(RejectedPayloadError):
        decode(f"{BRANCH}/{leaf}", payload)
