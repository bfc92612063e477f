"""The goals of a fleet's load, on whatever this machine is."""

from __future__ import annotations

import pytest

from tests.bench.test_fleet_load import bench

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

PAGE_MS = 150
INGEST_GROWTH_MB = 40
"""Caches of names fill, and allocators keep what they had: more than this is a leak."""


def test_an_hour_of_twenty_thousand_devices_arrives_once_within_five_minutes() -> None:
    found = bench("--devices", "20000", "--requests", "0", timeout_s=3000)
    wrong = {name: found[name] for name in ("lost", "doubled", "altered", "sums_wrong")}
    assert set(wrong.values()) == {0}, found["wrong"]
    assert found["rows_found"] == found["rows_expected"] == 260_000
    assert len(found["events"]) == 4
    assert found["ingest_rss_growth_mb"] < INGEST_GROWTH_MB
    assert found["seconds"] <= 300, found


@pytest.mark.parametrize("devices", ["500"])
def test_rabbitmq_carries_a_fleet_as_well(devices: str) -> None:
    found = bench(*("--devices", devices, "--broker", "rabbitmq", "--requests", "0"), timeout_s=900)
    wrong = {name: found[name] for name in ("lost", "doubled", "altered", "sums_wrong")}
    assert set(wrong.values()) == {0}, found["wrong"]
    assert found["rows_found"] == found["rows_expected"]


@pytest.mark.parametrize(
    ("database", "devices"), [("sqlite", "20"), ("postgresql", "2000")], ids=["shop", "fleet"]
)
def test_every_page_is_quick_on_a_year_of_history(database: str, devices: str) -> None:
    found = bench(
        *("--devices", "0", "--database", database, "--history-days", "365"),
        *("--history-devices", devices),
        timeout_s=3500,
    )
    assert found["history_hours"] >= 365 * 24 * int(devices)
    slow = {name: ms for name, ms in found["pages"].items() if ms > PAGE_MS}
    assert not slow, found["page_timings"]
