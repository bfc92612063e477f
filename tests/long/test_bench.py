"""The bench of the vision loop, as it is typed: every scene, and figures that hang together."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.vision.conftest import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def test_every_scene_is_measured_beside_the_bare_models() -> None:
    command = [sys.executable, "-m", "kiosk", "bench", "vision", "--frames", "30", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    cases = {case["name"]: case for case in found["cases"]}
    assert len(cases) == 9
    for height in (720, 1080):
        for crowd in (0, 1, 3):
            assert cases[f"crowd-{crowd}-{height}"]["faces"] == crowd
        assert cases[f"crowd-10-{height}"]["faces"] >= 8
    for case in cases.values():
        assert case["ratio"] == pytest.approx(case["cpu_ms"] / case["bare_ms"], rel=0.02)
        assert case["fps_one_core"] == pytest.approx(1000 / case["cpu_ms"], rel=0.02)
        assert case["p95_ms"] <= case["max_ms"]
        assert case["bare_ms"] <= case["plain_ms"] * 1.5, "looking rarely is what saves the time"
        assert case["rss_mb"] > 0
    # Nobody is there: nothing but the search runs, and not in every frame.
    assert set(cases["crowd-0-720"]["runs"]) >= {"face-detection-yunet"}
    assert 0 < cases["crowd-0-720"]["runs"]["face-detection-yunet"] < 0.5
    assert 0 < found["idle_share"] < 0.5
    assert found["idle_fps"] <= 2
