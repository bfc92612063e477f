"""The chart library comes from npm at set-up, and only as it was when it was chosen."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from kiosk.central.web.pages import STATIC

ROOT = Path(__file__).parents[3]
SCRIPT = "deploy/web-assets.sh"
LIST = "deploy/web-assets.txt"
GOAL = "kiosk/central/web/static/vendor"

NPM = """#!/bin/sh
# Stands for Python with its npm: hands out the archive that the test made.
echo "$*" >>asked
for word in "$@"; do
  case $word in --pack-destination=*) cp package.tgz "${word#*=}/package.tgz" ;; esac
done
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """As much of a clone as the script looks at, with a registry that has one package."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / SCRIPT, tmp_path / SCRIPT)
    (tmp_path / "npm").write_text(NPM)
    (tmp_path / "npm").chmod(0o755)
    publish(tmp_path, b"chart();")
    digest = hashlib.sha256(b"chart();").hexdigest()
    (tmp_path / LIST).write_text(f"# why\n{digest}  some@1.0.0  dist/some.min.js\n")
    return tmp_path


def publish(clone: Path, content: bytes) -> None:
    with tarfile.open(clone / "package.tgz", "w:gz") as archive:
        entry = tarfile.TarInfo("package/dist/some.min.js")
        entry.size = len(content)
        archive.addfile(entry, BytesIO(content))


def run(clone: Path) -> subprocess.CompletedProcess[str]:
    command = [str(clone / SCRIPT), "./npm"]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=clone, env=dict(os.environ)
    )


def test_what_is_there_is_not_asked_for_again(clone: Path) -> None:
    assert run(clone).returncode == 0
    assert (clone / GOAL / "some.min.js").read_bytes() == b"chart();"
    again = run(clone)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert (clone / "asked").read_text().count("some@1.0.0") == 1


def test_a_file_that_was_altered_is_fetched_anew(clone: Path) -> None:
    run(clone)
    (clone / GOAL / "some.min.js").write_bytes(b"chart();evil();")
    assert run(clone).returncode == 0
    assert (clone / GOAL / "some.min.js").read_bytes() == b"chart();"


def test_a_package_that_is_not_the_chosen_one_is_never_put_there(clone: Path) -> None:
    publish(clone, b"chart();evil();")
    done = run(clone)
    assert done.returncode == 1
    assert re.fullmatch(r"web-assets: some@1.0.0: dist/some.min.js is not .*\n", done.stderr)
    assert list((clone / GOAL).iterdir()) == []


def test_what_pages_load_is_what_was_chosen() -> None:
    chosen = [line.split() for line in (ROOT / LIST).read_text().splitlines() if line[:1] != "#"]
    assert len(chosen) == 2
    for digest, _, file in chosen:
        content = (STATIC / "vendor" / Path(file).name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest


def test_the_script_is_sound() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed: `make setup` installs it")
    done = subprocess.run(
        ["shellcheck", ROOT / SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
