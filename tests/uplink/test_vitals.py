"""The health message."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import jsonschema
import pytest

from kiosk.state import Backlog
from kiosk.uplink.vitals import health_message
from kiosk.wire import json_schemas

AT = datetime(2026, 1, 2, 10, 0, tzinfo=UTC)
VISION = {"state": "live", "peak_fps": 15, "accelerator": "CPU"}


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
    payload = json.loads(health_message(director, Backlog(3, 4), AT, 61.9, 60).encode())
    jsonschema.validate(payload, json_schemas()["up-health"])
    assert payload["vision"] == vision
    assert payload["screens"] == screens
    assert payload["uptime_s"] == 61
    assert (payload["outbox_waiting"], payload["outbox_unacknowledged"]) == (3, 4)
