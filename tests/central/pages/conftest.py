from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import sync_playwright

from tests.central.pages.shop import ARGS, fill
from tests.central.web.office import Office, served


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """Head office of a small fleet with eight days behind it, served."""
    made = Office(tmp_path_factory.mktemp("pages"))
    fill(made)
    with served(made):
        yield made


@pytest.fixture(scope="module")
def chromium():
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: `make setup` installs it")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=ARGS)
        yield running
        running.close()
