"""Whatever comes, in whatever order, how often, and with whatever crashes in between."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from kiosk.central.store import open_database, work_off, write
from kiosk.central.store.runs import Run
from tests import postgres
from tests.central.store.books import (
    EPOCH,
    LATER_EPOCH,
    NOW,
    Books,
    central,
    hours,
    plays,
)

NUMBERS = st.integers(1, 7)
MESSAGES = st.lists(
    st.tuples(st.sampled_from([hours, plays]), NUMBERS, st.sampled_from([EPOCH, LATER_EPOCH])),
    min_size=1,
    max_size=8,
)


class CrashError(Exception):
    """The process ends before its commit."""


def _crash() -> None:
    raise CrashError


class Office(RuleBasedStateMachine):
    """Batches that are committed, batches that are not, restarts, and the sums in between."""

    kind = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        if self.kind == "sqlite":
            self.folder = tempfile.TemporaryDirectory()
            url = str(Path(self.folder.name) / "central.db")
        else:
            url = postgres.database()
        self.books = Books(open_database(central(url)), url)
        self.committed: set[tuple[str, str, int]] = set()

    @rule(batch=MESSAGES)
    def commit(self, batch) -> None:
        progress = self.books.write(*(make(seq, epoch=epoch) for make, seq, epoch in batch))
        self.committed |= {(epoch, make.__name__, seq) for make, seq, epoch in batch}
        for state in progress:
            there = {
                seq
                for epoch, stream, seq in self.committed
                if (epoch, stream) == (state.key.epoch, state.key.stream)
            }
            assert state.contiguous == next(n for n in range(10) if n + 1 not in there)
            assert state.highest == max(there)

    @rule(batch=MESSAGES)
    def crash(self, batch) -> None:
        entries = [make(seq, epoch=epoch) for make, seq, epoch in batch]
        with suppress(CrashError), self.books.engine.begin() as connection:
            write(connection, entries, NOW)
            _crash()

    @rule()
    def restart(self) -> None:
        self.books.engine.dispose()
        self.books.engine = open_database(central(self.books.url))

    @rule(limit=st.integers(1, 4))
    def sum_up(self, limit) -> None:
        work_off(self.books.engine, "UTC", limit)

    @invariant()
    def each_stands_once(self) -> None:
        found = [
            (epoch, name, seq)
            for name, table in (("hours", "hours"), ("plays", "play_batches"))
            for epoch, seq in self.books.rows(table, "epoch", "seq")
        ]
        assert sorted(found) == sorted(self.committed)

    def teardown(self) -> None:
        while work_off(self.books.engine, "UTC"):
            pass
        summed = [(0, len([one for one in self.committed if one[1] == "hours"]))]
        found = self.books.rows("site_days", "site_id", "device_hours")
        assert found[:1] == (summed if summed[0][1] else [])
        self.books.engine.dispose()


class OfficeWithServer(Office):
    kind = "postgresql"


@pytest.mark.parametrize(
    ("office", "examples"),
    [pytest.param(Office, 9, id="sqlite"), pytest.param(OfficeWithServer, 4, id="postgresql")],
)
def test_each_message_counts_once_and_acknowledgements_never_skip_one(office, examples):
    run_state_machine_as_test(
        office,
        settings=settings(
            max_examples=examples,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_runs_of_numbers_are_what_a_set_of_them_would_be():
    """The bookkeeping by ranges against plain sets, and through its text form each time."""

    class Numbers(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.run, self.there, self.given_up = Run(), set(), 0

        @rule(number=st.integers(1, 40))
        def add(self, number) -> None:
            assert (number in self.run) == (number in self.there)
            if number not in self.there:
                assert self.run.add(number)
                self.there.add(number)

        @rule(lowest=st.integers(1, 40))
        def give_up(self, lowest) -> None:
            missing = set(range(1, lowest)) - self.there
            assert self.run.give_up_below(lowest) == len(missing)
            self.there |= missing

        @rule()
        def keep(self) -> None:
            self.run = Run.read(self.run.contiguous, self.run.beyond)

        @invariant()
        def same(self) -> None:
            assert self.run.contiguous == next(n for n in range(50) if n + 1 not in self.there)
            assert self.run.highest == max(self.there, default=0)
            assert self.run.is_broken == (self.run.highest > self.run.contiguous)

    run_state_machine_as_test(
        Numbers, settings=settings(max_examples=60, deadline=None, derandomize=True, database=None)
    )
