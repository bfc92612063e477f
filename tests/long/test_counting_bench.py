"""The bench of counting, as it is typed: every scene, and the goals that are held."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.vision.conftest import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def test_the_goals_of_counting_are_held_on_all_scenes(tmp_path: Path) -> None:
    # Away from clips that this machine may have: every machine has the scenes.
    command = [sys.executable, "-m", "kiosk", "bench", "counting", "--json"]
    command += ["--config", str(ROOT / "config.yaml")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["scenes"] == len(found["rows"]) == 31
    assert found["clips"] == {}
    assert found["passes_counted"] == pytest.approx(found["passes_true"], rel=0.03)
    assert found["dwell_within_1s"] >= 0.95
    assert found["attention_within_1s"] >= 0.90
    assert (found["posters_counted"], found["nobodys_counted"]) == (0, 0)
    assert found["false_rejections"] <= 0.02
