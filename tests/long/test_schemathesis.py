"""Requests that nobody would think of, made from the API's own description."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.central.authority import make_signing_key
from tests import postgres
from tests.central.web.office import Office, served

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

EXAMPLES = 40
"""Of each operation, besides those of each bound of each parameter."""

NOT_JUDGED = "positive_data_acceptance"
"""A description cannot say that a number has to be a creative's, or that a signature has to fit."""

SETTINGS = """
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "413", "422", "429"]
"""
"""The tool does not expect to be told that a request is too large."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def office(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("office")
    database = postgres.database() if request.param == "postgresql" else None
    made = Office(folder, database)
    made.gather()
    make_signing_key(made.settings.central.folder)
    with served(made):
        yield made


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_no_request_breaks_the_api_or_its_description(office, role, tmp_path):
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{office.url}/api/openapi.json",
        f"--header=Authorization: Bearer {office.tokens[role]}",
        f"--max-examples={EXAMPLES}",
        "--seed=1",
        "--continue-on-failure",
        "--generation-database=none",
        f"--exclude-checks={NOT_JUDGED}",
        "--no-color",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, failures(done.stdout) + done.stderr[-2000:]
    assert "Tested: 28" in done.stdout, done.stdout[-3000:]


def failures(said: str) -> str:
    """What it found, without what it advises."""
    return said.partition("FAILURES")[2].partition("WARNINGS")[0] or said
