from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from kiosk.central.web import accounts
from tests import postgres
from tests.central.web.office import Office, served


@pytest.fixture(scope="package", autouse=True)
def quick_hashes():
    """Hashes as slow as they should be would take most of the tests' time."""
    with pytest.MonkeyPatch.context() as patch:
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(accounts, "_hasher", quick)
        patch.setattr(accounts, "_hash_of_nobody", lambda: quick.hash("nobody's"))
        yield


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def office(request, tmp_path_factory):
    """A fleet in each kind of database, served."""
    folder = tmp_path_factory.mktemp("office")
    database = postgres.database() if request.param == "postgresql" else None
    made = Office(folder, database)
    made.gather()
    with served(made):
        yield made


@pytest.fixture
def empty(tmp_path):
    """An office of which nothing is known, served; for tests that change what others would see."""
    with served(Office(tmp_path)) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The same fleet in a file, for tests that change nothing that others look at."""
    made = Office(tmp_path_factory.mktemp("shared"))
    made.gather()
    with served(made):
        yield made
