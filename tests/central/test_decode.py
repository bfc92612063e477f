"""What is of the contract, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.central.decode import RejectedPayloadError, decode
from kiosk.wire import PAYLOADS, Branch, Hours
from tests.uplink.fleet import BRANCH, hours_payload

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
    ],
)
def test_what_is_not_of_the_contract_is_refused_in_one_line(leaf, payload, reason):
    with pytest.raises(RejectedPayloadError, match=reason) as caught:
        decode(f"{BRANCH}/{leaf}", payload)
    assert "\n" not in str(caught.value)


@given(leaf=st.sampled_from([*PAYLOADS, "up/other", ""]), payload=st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(leaf, payload):
    with pytest.raises(RejectedPayloadError):
        decode(f"{BRANCH}/{leaf}", payload)
