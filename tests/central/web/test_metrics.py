from __future__ import annotations

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from sqlalchemy import insert, update

from kiosk.central.store import tables
from tests.central.web.office import DEVICES, FLEET, NOW

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


def samples(text: str, parse=plain) -> dict[tuple[str, frozenset], float]:
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in parse(text)
        for one in family.samples
    }


def of_device(found, name: str, device: int = 0, **labels: str) -> float | None:
    branch = FLEET.branch(device)
    key = {"tenant": branch.tenant, "site": branch.site, "device": branch.device, **labels}
    return found.get((f"kiosk_device_{name}", frozenset(key.items())))


def test_each_device_is_told_of(office):
    found = samples(httpx.get(f"{office.url}/metrics").text)
    for device in range(DEVICES):
        assert of_device(found, "up", device) == 1
        assert of_device(found, "campaign_version", device) == 12
        assert of_device(found, "seen_timestamp_seconds", device) == NOW.timestamp()
        assert of_device(found, "info", device, version=FLEET.status(device, NOW).version) == 1
    assert found["kiosk_database_up", frozenset()] == 1


def test_open_metrics_are_given_to_who_asks_for_them(office):
    answer = httpx.get(f"{office.url}/metrics", headers=OPENMETRICS)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    assert of_device(samples(answer.text, openmetrics), "up") == 1


def test_no_count_of_people_is_told(office):
    text = httpx.get(f"{office.url}/metrics").text
    for word in ("ots", "watchers", "attention", "dwell", "impressions", "gender", "mood"):
        assert f"_{word}" not in text


@pytest.mark.parametrize(
    "headers",
    [{"X-Forwarded-For": "192.0.2.7"}, {"Forwarded": "for=192.0.2.7"}, {"Host": "shop.example"}],
    ids=str,
)
def test_what_only_seems_to_come_from_this_machine_needs_a_token(office, headers):
    assert httpx.get(f"{office.url}/metrics", headers=headers).status_code == 401
    known = httpx.get(f"{office.url}/metrics", headers=headers | office.bearer())
    assert known.status_code == 200


def test_what_is_wrong_is_told_by_kind(empty):
    empty.gather()
    with empty.engine.begin() as connection:
        connection.execute(
            insert(tables.alerts),
            [
                {"device_id": device, "kind": kind, "since": NOW, "last": NOW, "count": 1}
                | {"sentence": "it is so"}
                for device, kind in ((1, "sequence_gap"), (None, "backlog"))
            ],
        )
        connection.execute(insert(tables.workers).values(name="w1", seen=NOW, state="fine"))
        connection.execute(
            update(tables.devices).where(tables.devices.c.id == 2).values(drift_s=-45)
        )
    found = samples(httpx.get(f"{empty.url}/metrics").text)
    kinds = {dict(labels)["kind"] for (name, labels) in found if name == "kiosk_device_alert"}
    assert {"sequence_gap", "time_drift"} <= kinds
    assert found["kiosk_office_alert", frozenset({("kind", "backlog")})] == 1
    seen = found["kiosk_worker_seen_timestamp_seconds", frozenset({("worker", "w1")})]
    assert seen == NOW.timestamp()


def test_a_database_that_is_away_is_told(empty):
    with empty.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE workers")
    answer = httpx.get(f"{empty.url}/metrics")
    assert answer.status_code == 200
    assert samples(answer.text)["kiosk_database_up", frozenset()] == 0
