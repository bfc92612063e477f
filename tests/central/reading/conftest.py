from __future__ import annotations

import pytest

from tests import postgres
from tests.central.reading.archive import fill


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def archive(request, tmp_path_factory):
    """Three days of three devices at two sites, in each kind of database."""
    folder = tmp_path_factory.mktemp("archive")
    url = str(folder / "central.db") if request.param == "sqlite" else postgres.database()
    filled = fill(url)
    yield filled
    filled.engine.dispose()
