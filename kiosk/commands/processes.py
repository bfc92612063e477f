"""`kiosk run` and the processes that it starts."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from kiosk.clock import SystemClock
from kiosk.commands.options import settings_of, with_settings, with_source
from kiosk.config import is_within
from kiosk.service import Heartbeat, is_supervised, set_up_logging, stop_on_signals


@click.command()
@with_source
@with_settings
def run(
    *,
    config: Path | None,
    overrides: tuple[str, ...],
    source: str | None,
    loop: bool,
    as_fast_as_possible: bool,
) -> None:
    """Run vision, director and uplink together, until Ctrl-C.

    A process that dies is started again, a bounded number of times a minute.

    Example: kiosk run --source /dev/video0
    """
    from kiosk.run import run_all

    settings = settings_of(config, overrides, source, loop, as_fast_as_possible, desired=False)
    set_up_logging("run", settings.log.level)
    run_all(settings, stop_on_signals())


@click.command()
@with_source
@click.option("--print", "to_stdout", is_flag=True, help="Print the records instead of sending.")
@with_settings
def vision(
    *,
    config: Path | None,
    overrides: tuple[str, ...],
    source: str | None,
    loop: bool,
    as_fast_as_possible: bool,
    to_stdout: bool,
) -> None:
    """Watch a camera or a file and say who is there, as JSON lines without any picture.

    A camera that is not there ends it at a terminal; systemd and `kiosk run` have it wait for it.

    Example: kiosk vision --source people.mp4 --as-fast-as-possible --print
    """
    from kiosk.vision import SocketEmitter
    from kiosk.vision import run as run_vision

    settings = settings_of(config, overrides, source, loop, as_fast_as_possible)
    set_up_logging("vision", settings.log.level)
    seeing, clock, timezone = settings.seeing, SystemClock(), settings.device.timezone
    stop = stop_on_signals()

    def is_off() -> bool:
        return is_within(seeing.off_hours, clock.utc(), timezone)

    if to_stdout:

        def emit(line: bytes) -> None:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()

        run_vision(seeing, emit, stop, Heartbeat(), is_off)
        return
    emitter = SocketEmitter(settings.audience.socket)
    try:
        awaiting = emitter.reach if is_supervised() else None
        run_vision(seeing, emitter, stop, Heartbeat(), is_off, awaiting=awaiting)
    finally:
        emitter.close()


@click.command()
@with_settings
def director(config: Path | None, overrides: tuple[str, ...]) -> None:
    """Choose and play adverts, and count the audience.

    Example: kiosk director --set player.port=8080
    """
    from kiosk.director import run as run_director

    settings = settings_of(config, overrides)
    set_up_logging("director", settings.log.level)
    run_director(settings, stop_on_signals())


@click.command()
@with_settings
def uplink(config: Path | None, overrides: tuple[str, ...]) -> None:
    """Carry counts and proof of play to the broker.

    Example: kiosk uplink --set broker.host=broker.example
    """
    from kiosk.uplink import run as run_uplink

    settings = settings_of(config, overrides)
    set_up_logging("uplink", settings.log.level)
    run_uplink(settings)
