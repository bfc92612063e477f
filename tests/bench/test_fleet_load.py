"""The whole fleet bench, small: real broker, real workers, real database, real pages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

KEYS = {
    "messages_sent", "rows_expected", "rows_found", "lost", "doubled", "seconds",
    "ingest_peak_rss_mb", "pages",
}  # fmt: skip


def bench(*arguments: str, timeout_s: float = 110) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", "central", "bench", "--json", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("database", [pytest.param("sqlite", marks=pytest.mark.long), "postgresql"])
def test_a_small_fleet_arrives_once_through_all_troubles(database: str) -> None:
    workers = "1" if database == "sqlite" else "2"
    requests = "2" if database == "sqlite" else "0"
    found = bench(
        *("--devices", "40", "--database", database, "--workers", workers),
        *("--requests", requests),
    )
    assert found["rows_found"] == found["rows_expected"] == 40 * 13
    assert found["plays_found"] == found["plays_expected"] == 40 * 240
    assert found["messages_sent"] >= 40 * 13
    wrong = {name: found[name] for name in ("lost", "doubled", "altered", "sums_wrong")}
    assert set(wrong.values()) == {0}, found["wrong"]
    assert any("killed" in event for event in found["events"]), found["events"]
    if database == "sqlite":
        assert set(found) >= KEYS
        assert min(found["pages"].values()) > 0
