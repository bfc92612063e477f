"""The fleet bench sees every cell that is not what was sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from kiosk.bench.fleet.checking import Check, Verdict
from kiosk.bench.fleet.head import Entry, open_database, work_off, write
from kiosk.bench.fleet.outboxes import BATCHES, device_payloads
from kiosk.config import CentralSettings
from kiosk.simulate import Fleet
from kiosk.wire import Hours, Plays

HOUR = datetime(2026, 11, 18, 12, tzinfo=UTC)
FLEET = Fleet(4, sites=2)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A database that holds the hour of a small fleet."""
    settings = CentralSettings(database=str(tmp_path / "central.db"))
    engine = open_database(settings)
    entries = []
    for (device, message), payload in device_payloads(FLEET, range(4), HOUR).items():
        model = Hours if message == BATCHES else Plays
        entries.append(Entry(FLEET.branch(device), model.model_validate_json(payload), payload))
    with engine.begin() as connection:
        write(connection, entries, HOUR)
    while work_off(engine, "UTC"):
        pass
    return engine


def verdict(engine: Engine) -> Verdict:
    return Check(engine, FLEET, HOUR).run()


def test_a_database_that_holds_everything_once_is_in_order(engine: Engine) -> None:
    found = verdict(engine)
    assert (found.rows_expected, found.rows_found) == (52, 52)
    assert (found.plays_expected, found.plays_found) == (960, 960)
    assert (found.lost, found.doubled, found.altered, found.sums_wrong) == (0, 0, 0, 0)
    assert found.examples == []


@pytest.mark.parametrize(
    ("harm", "seen"),
    [
        ("DELETE FROM hours WHERE device_id = 2", lambda one: one.lost == 1),
        ("DELETE FROM play_batches WHERE seq = 3 AND device_id = 1", lambda one: one.lost == 21),
        ("UPDATE hours SET ots = ots + 1 WHERE device_id = 1", lambda one: one.altered == 1),
        (
            "UPDATE hours SET creative_mood = json_set(creative_mood, '$[99]', 999)"
            " WHERE device_id = 3",
            lambda one: one.altered == 1,
        ),
        (
            "UPDATE play_batches SET proofs = replace(proofs, 'true', 'false') WHERE seq = 12",
            lambda one: one.altered == 4,
        ),
        (
            "INSERT INTO play_batches SELECT device_id, at, epoch, seq + 12, digest, received,"
            " plays, proofs, until FROM play_batches WHERE seq = 1 AND device_id = 1",
            lambda one: one.altered == 1 and one.rows_found == 53,
        ),
        ("UPDATE site_hours SET watchers = 0 WHERE site_id = 0", lambda one: one.sums_wrong == 1),
        ("DELETE FROM creative_days WHERE site_id = 1", lambda one: one.sums_wrong == 14),
    ],
    ids=["hour", "batch", "figure", "cell", "play", "twice", "sum", "day"],
)
def test_harm_is_seen(engine: Engine, harm: str, seen: Callable[[Verdict], bool]) -> None:
    with engine.begin() as connection:
        connection.execute(text(harm))
    found = verdict(engine)
    assert seen(found), found
    assert found.examples
