"""Head office, and its server of media."""

from __future__ import annotations

import pytest

from tests.uplink.head_office import HeadOffice, MediaServer


@pytest.fixture
def office(tmp_path):
    return HeadOffice(tmp_path)


@pytest.fixture
def server():
    made = MediaServer()
    yield made
    made.close()
