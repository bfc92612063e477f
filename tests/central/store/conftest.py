from __future__ import annotations

import pytest

from kiosk.central.store import open_database
from tests import postgres
from tests.central.store.books import Books, central


@pytest.fixture(params=["sqlite", "postgresql"])
def books(request, tmp_path):
    url = str(tmp_path / "central.db") if request.param == "sqlite" else postgres.database()
    engine = open_database(central(url))
    yield Books(engine, url)
    engine.dispose()
