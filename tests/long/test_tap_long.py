"""Nothing leaves, over minutes of looping footage: what is seldom has time to happen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.tap import shop, state

SECONDS = float(os.environ.get("KIOSK_TAP_S", "300"))

pytestmark = [pytest.mark.long, pytest.mark.timeout(SECONDS + 300)]


def test_nothing_leaves_over_minutes(tmp_path: Path) -> None:
    with shop.tapped(tmp_path) as run:
        shop.watch(run, SECONDS)
    verdict = run.verdict()
    assert sorted(set(verdict.offences)) == []
    assert verdict.state is not None
    assert state.same_as(tmp_path / "state.db", verdict.state.tables)
