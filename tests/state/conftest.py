"""A state file for each test."""

from __future__ import annotations

import pytest

from kiosk.state import open_store
from tests.fakes import FakeClock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "state.db"


@pytest.fixture
def store(path):
    found = open_store(path, FakeClock())
    yield found
    found.close()
