"""`kiosk plays`: what this device has shown, for whoever paid for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Optional
from zoneinfo import ZoneInfo

import click

from kiosk.clock import iso
from kiosk.commands.options import settings_of, with_settings
from kiosk.errors import BadInputError, KioskError

EARLIEST, LATEST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
"""What no label lies beyond."""


@click.group()
def plays() -> None:
    """Tell what this device has shown."""


@plays.command("export")
@click.option(
    "--from",
    "since",
    metavar="DAY_OR_TIME",
    help="First day of the shop, or first instant (RFC 3339); by default all that is kept.",
)
@click.option(
    "--to",
    "until",
    metavar="DAY_OR_TIME",
    help="Last day of the shop, or the first instant that is left out (RFC 3339).",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "openrtb"]),
    default="csv",
    show_default=True,
    help="A table, or JSON in the words of OpenRTB 2.6.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file to write instead of the terminal; it is there as a whole, or not at all.",
)
@with_settings
def export(  # noqa: PLR0917 - click gives each by its name
    config: Optional[Path],
    overrides: tuple[str, ...],
    since: Optional[str],
    until: Optional[str],
    form: str,
    out: Optional[Path],
) -> None:
    """Proof of play of this device, a row for each play that is over.

    Beside each stands the multiplier of its hour: impressions per play as they were published, with
    their noise; empty until the hour is published. Plays are kept for `player.keep_plays_days`.
    Works beside a running director. docs/proof-of-play.md explains the columns and the JSON.

    Example: kiosk plays export --from 2026-03-02 --to 2026-03-08 --out week.csv
    """
    from kiosk.player import exported_plays
    from kiosk.proof import csv_text, openrtb_text

    settings = settings_of(config, overrides)
    zone = ZoneInfo(settings.device.timezone)
    first = EARLIEST if since is None else _moment("--from", since, zone, is_end=False)
    end = LATEST if until is None else _moment("--to", until, zone, is_end=True)
    if first >= end:
        raise BadInputError(f"--to {until}: it does not lie after --from {since}")
    batches = exported_plays(settings.state.path, settings.device, first, end)
    text = csv_text(batches) if form == "csv" else openrtb_text(batches)
    if out is None:
        _write(text, sys.stdout.buffer)
        return
    with _whole_file(out) as file:
        _write(text, file)


def _moment(option: str, text: str, zone: ZoneInfo, *, is_end: bool) -> str:
    """A label as the state file has it."""
    try:
        try:
            day = date.fromisoformat(text) + timedelta(days=int(is_end))
        except ValueError:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                raise
            # Labels have whole seconds: the first one that is not before this moment.
            moment += timedelta(microseconds=-moment.microsecond % 1_000_000)
        else:
            moment = datetime.combine(day, datetime.min.time(), zone)
        return iso(moment.astimezone(timezone.utc))
    except ValueError as bad:
        raise BadInputError(
            f"{option} {text}: neither a day nor a time with its zone",
            hint="write 2026-03-02 or 2026-03-02T08:00:00+01:00",
        ) from bad
    except OverflowError as bad:
        raise BadInputError(f"{option} {text}: outside of the calendar") from bad


def _write(text: Iterable[str], file: IO[bytes]) -> None:
    for part in text:
        file.write(part.encode())
    file.flush()


@contextmanager
def _whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name once all of it is written."""
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                yield file
                os.fsync(file.fileno())
                umask = os.umask(0)
                os.umask(umask)
                Path(file.name).chmod(0o666 & ~umask)
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as bad:
        raise KioskError(
            f"{path}: cannot be written: {bad.strerror}", hint="name another file with --out"
        ) from bad
