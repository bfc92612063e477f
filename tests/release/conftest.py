from __future__ import annotations

from pathlib import Path

import pytest

from tests.release.release_box import Box
from tests.release.release_stubs import Stub, make_bundle, make_key, make_zipapp


@pytest.fixture(scope="session")
def works(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Head office: the key, and the release manager."""
    folder = tmp_path_factory.mktemp("works")
    make_key(folder)
    make_zipapp(folder / "kiosk-release")
    return folder


@pytest.fixture
def box(works: Path, tmp_path: Path) -> Box:
    """A machine on which nothing is installed."""
    return Box.make(tmp_path, works / "kiosk-release", works / "release.pub")


@pytest.fixture(scope="session")
def installed(works: Path, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """A machine on which 1.0 runs and is confirmed, and 2.0 is installed beside it."""
    folder = tmp_path_factory.mktemp("machine")
    made = Box.make(folder, works / "kiosk-release", works / "release.pub")
    for version in ("1.0", "2.0"):
        bundle = make_bundle(folder, works / "release.key", Stub(version))
        assert made.answer("install", str(bundle))["result"] == "changed"
    made.answer("activate", "1.0", "--settle-s", "0.02")
    assert made.answer("confirm")["outcome"] == "confirmed"
    return made


@pytest.fixture
def machine(installed: Box, tmp_path: Path) -> Box:
    """A machine of one's own on which 1.0 runs and 2.0 is installed."""
    return installed.copy(tmp_path)
