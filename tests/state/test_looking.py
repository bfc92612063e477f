"""Asking the state file from outside leaves its folder as it was, whoever asks."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kiosk.errors import StateError
from kiosk.state import open_store, read_glimpse
from tests.fakes import FakeClock
from tests.state.rows import put

CRASH = (
    "import os, sys; from pathlib import Path; from kiosk.state import open_store;"
    "from tests.fakes import FakeClock; from tests.state.rows import put;"
    "put(open_store(Path(sys.argv[1]), FakeClock()), 'plays', 2); os._exit(0)"
)


def folder_of(path: Path) -> list[tuple]:
    def entry(one: Path) -> tuple:
        seen = one.stat()
        return one.name, seen.st_uid, seen.st_mode, seen.st_size, seen.st_mtime_ns

    return sorted(map(entry, path.parent.iterdir()))


def test_a_file_that_nobody_has_open(path):
    store = open_store(path, FakeClock())
    put(store, "plays", 2)
    store.close()
    before = folder_of(path)
    assert "state.db-shm" not in [one[0] for one in before]
    assert read_glimpse(path).waiting == 2
    assert folder_of(path) == before


def test_a_file_whose_owners_are_at_work(path, store):
    put(store, "plays", 2)
    before = folder_of(path)
    assert read_glimpse(path).waiting == 2
    assert folder_of(path) == before
    put(store, "plays", 1)
    assert read_glimpse(path).waiting == 3, "what is still in the log counts"


def test_a_file_that_a_power_cut_left(path):
    path.parent.mkdir()
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", CRASH, str(path)], cwd=root, timeout=30, check=True)
    before = folder_of(path)
    assert "state.db-shm" in [one[0] for one in before]
    assert read_glimpse(path).waiting == 2
    assert folder_of(path) == before


def test_a_writer_is_not_kept_waiting(path, store):
    store.db.execute("BEGIN IMMEDIATE")
    assert read_glimpse(path).waiting == 0
    store.db.execute("COMMIT")


def test_what_cannot_be_read_is_one_sentence(path, tmp_path):
    with pytest.raises(StateError, match="there is no state file"):
        read_glimpse(path)
    path.parent.mkdir()
    path.write_bytes(b"hello" * 1000)
    with pytest.raises(StateError, match="cannot be read: it is damaged"):
        read_glimpse(path)
    path.write_bytes(b"")
    with pytest.raises(StateError, match="cannot be read: no such table"):
        read_glimpse(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(StateError, match="cannot be read"):
        read_glimpse(path)
    path.rmdir()
    path.symlink_to(path)
    with pytest.raises(StateError, match="cannot be read"):
        read_glimpse(path)


def test_a_program_that_holds_the_file_for_itself_is_not_waited_for(path):
    open_store(path, FakeClock()).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN IMMEDIATE")
    holder.execute("DELETE FROM health")
    began = time.monotonic()
    assert read_glimpse(path).waiting == 0
    assert time.monotonic() - began < 1.5
    holder.close()


def test_the_log_beside_a_file_that_a_link_leads_to_counts(path, store, tmp_path):
    put(store, "plays", 2)
    (tmp_path / "link.db").symlink_to(path)
    assert read_glimpse(tmp_path / "link.db").waiting == 2
    assert [one.name for one in tmp_path.glob("link.db*")] == ["link.db"]
