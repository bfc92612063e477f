"""The core of every worker: a batch in, its commit, the acknowledgements out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from kiosk.central.ingest.chores import Chores
from kiosk.central.ingest.decode import RejectedPayloadError, branch_of, decode
from kiosk.central.store import (
    Alert,
    Entry,
    Progress,
    StreamKey,
    failure_reason,
    forget_names,
    note_alerts,
    note_rejected,
    open_database,
    write,
)
from kiosk.clock import Clock
from kiosk.config import CentralSettings, Settings
from kiosk.errors import StateError
from kiosk.service import Heartbeat
from kiosk.uplink import Guard, Publication
from kiosk.wire import Ack, Branch

log = logging.getLogger(__name__)

Message = tuple[str, bytes]
"""Topic and payload."""

T = TypeVar("T")


class Worker:
    """Commits batches; knows the database, and not where messages come from.

    Its owner calls :meth:`handle` with what came, hands on what it returns, answers the broker for
    the batch, and calls :meth:`rest` once in each round of its loop.
    """

    def __init__(self, settings: Settings, clock: Clock, heartbeat: Heartbeat) -> None:
        """Open the database.

        Args:
            settings: the whole configuration.
            clock: the time.
            heartbeat: is fed by each commit and each sound look into the database.

        Raises:
            StateError: the database cannot be used.
        """
        self._clock = clock
        self._heartbeat = heartbeat
        self._central = settings.central
        self._guard = Guard("central_database_failed", clock)
        self._chores = Chores(settings.central, clock)
        self._failed_at: datetime | None = None
        self._open()

    @property
    def engine(self) -> Engine:
        """The open database."""
        return self._engine

    def handle(self, batch: Sequence[Message]) -> list[Publication] | None:
        """Commit a batch and say what devices may forget.

        Returns:
            The acknowledgements, one per stream; ``None``: the batch is not committed, nothing of
            it may be answered for, and it has to be given again.
        """
        if not batch:
            return []
        progress = self.attempt(lambda: self._commit(batch))
        if progress is None:
            return None
        self._heartbeat.progress()
        return [_acknowledgement(state) for state in progress]

    def rest(self, state: str) -> None:
        """What is due besides messages: sums, partitions, old rows, and a sign of life.

        Args:
            state: how its connection does, in a few words.
        """
        if self._chores.due and self.attempt(lambda: self._chores.do(self._engine, state)):
            self._heartbeat.progress(state)

    def attempt(self, work: Callable[[], T]) -> T | None:
        """What ``work`` returns, or ``None`` while the database fails; it is told once."""
        return self._guard.attempt(lambda: self._mended(work))

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def _open(self) -> None:
        self._engine = open_database(self._central)
        self._inode = _inode(self._central)

    def _mended(self, work: Callable[[], T]) -> T:
        """Do it in the database that is there now; note the end of an outage."""
        try:
            if _inode(self._central) != self._inode:
                self._engine.dispose()
                self._open()
            result = work()
            if self._failed_at is not None:
                note_alerts(self._engine, [self._outage(self._failed_at)], self._clock.utc())
                self._failed_at = None
        except (SQLAlchemyError, StateError, OSError) as bad:
            self._failed_at = self._failed_at or self._clock.utc()
            forget_names(self._engine)
            if isinstance(bad, StateError):
                raise
            raise StateError(
                f"not written: {failure_reason(bad)}",
                hint="check central.database, its disk and its server",
            ) from bad
        return result

    def _outage(self, since: datetime) -> Alert:
        until = self._clock.utc()
        return Alert(
            None,
            "central_database_failed",
            f"the database could not be written from {since:%Y-%m-%d %H:%M:%S} to "
            f"{until:%H:%M:%S} UTC; nothing is lost, devices kept everything: check its disk",
        )

    def _commit(self, batch: Sequence[Message]) -> list[Progress]:
        entries: list[Entry] = []
        rejected: dict[Branch | None, list[str]] = {}
        for topic, payload in batch:
            try:
                entries.append(decode(topic, payload))
            except RejectedPayloadError as bad:
                rejected.setdefault(branch_of(topic), []).append(f"{topic[:200]!r}: {bad}")
        progress = self._write(entries, rejected)
        if rejected:
            self._tell_rejected(rejected)
        return list(progress.values())

    def _write(
        self, entries: Sequence[Entry], rejected: dict[Branch | None, list[str]]
    ) -> dict[StreamKey, Progress]:
        """Commit together what can be; a message that cannot be written is found by halving."""
        if not entries:
            return {}
        try:
            with self._engine.begin() as connection:
                progress = write(connection, entries, self._clock.utc())
        except (SQLAlchemyError, ArithmeticError, LookupError, TypeError, ValueError) as bad:
            if not _is_about_content(bad):
                raise
            forget_names(self._engine)
            if len(entries) == 1:
                reason = f"cannot be written: {failure_reason(bad)}"
                rejected.setdefault(entries[0].branch, []).append(reason)
                return {}
            middle = len(entries) // 2
            first = self._write(entries[:middle], rejected)
            return first | self._write(entries[middle:], rejected)
        return {state.key: state for state in progress}

    def _tell_rejected(self, rejected: dict[Branch | None, list[str]]) -> None:
        # A line for each device and batch: a flood of rubbish must not become one of the log.
        for branch, reasons in rejected.items():
            log.warning(
                'event=payload_rejected device=%s messages=%d reason="%s": skipped; see whether '
                "that device runs a version that is newer than head office",
                branch or "unknown",
                len(reasons),
                reasons[0],
            )
        found = [(branch, reasons[0], len(reasons)) for branch, reasons in rejected.items()]
        note_rejected(self._engine, found, self._clock.utc())


def _is_about_content(bad: Exception) -> bool:
    """Whether one message can have brought it about; else it is trouble with the database."""
    if isinstance(bad, DBAPIError):
        return isinstance(bad, DataError | IntegrityError)
    return isinstance(bad, StatementError) or not isinstance(bad, SQLAlchemyError)


def _acknowledgement(state: Progress) -> Publication:
    key = state.key
    ack = Ack(
        stream="hours" if key.stream == "hours" else "plays",
        epoch=key.epoch,
        seq=state.contiguous,
    )
    return Publication(key.branch.topic("down/ack"), ack.encode())


def _inode(central: CentralSettings) -> int | None:
    """What tells a file from another one that was put in its place, say from a backup."""
    if "://" in central.database:
        return None
    try:
        return Path(central.database).stat().st_ino
    except OSError:
        return None
