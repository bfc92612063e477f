"""The demo itself: start everything, watch it, add it up."""

from __future__ import annotations

import json
import logging
import secrets
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import text

from kiosk.clock import SystemClock
from kiosk.config import Settings, TlsSettings, write_settings
from kiosk.demo.broker import PrivateBroker, free_port, is_free
from kiosk.demo.footage import CAMPAIGN, clip
from kiosk.demo.head import make_signing_key, open_database
from kiosk.demo.shops import USER, OtherShops
from kiosk.demo.watch import PageWatcher
from kiosk.run import PROCESSES, GaveUpError, RestartFiles, Supervisor, child_command
from kiosk.service import set_up_logging, stop_on_signals
from kiosk.state import Outbox, PlayBook, open_store, read_health

log = logging.getLogger(__name__)

POLL_S = 0.25
DRAIN_S = 10.0
"""Longest wait for the last counts to arrive at head office."""

OFFICE_AFTER_S = 2.0
OTHERS_AFTER_S = 15.0
"""The screen comes first: head office starts a little later, and the other shops when vision has
begun, or after so long at the latest."""


@dataclass
class Summary:
    """What the demo saw.

    Attributes:
        fps: frames processed per second, from the first one on.
        inference_ms: milliseconds of model inference per frame, recent mean.
        plays_by_reason: plays that were begun, by why they were chosen.
        mqtt_messages: messages of this device that head office has committed.
        peak_rss_mb: largest sum of the resident memory of vision, director and uplink.
    """

    frames: int = 0
    fps: float = 0.0
    inference_ms: float = 0.0
    passes: int = 0
    watchers: int = 0
    plays: int = 0
    plays_by_reason: dict[str, int] = field(default_factory=dict)
    mqtt_messages: int = 0
    peak_rss_mb: float = 0.0


def run_demo(
    settings: Settings, *, source: str | None, seconds: float | None, as_json: bool
) -> None:
    """Run until Ctrl-C, or for so many seconds.

    Raises:
        KioskError: footage, broker or a process is missing or refuses to start.
    """
    footage = source or str(clip())
    if "://" not in footage:
        footage = str(Path(footage).absolute())
    stop = stop_on_signals()
    set_up_logging("demo", "warning")
    terminal = _Terminal(sys.stderr if as_json else sys.stdout)
    with tempfile.TemporaryDirectory(prefix="kiosk-demo-") as name:
        folder = Path(name)
        with PrivateBroker(folder) as broker:
            show = _Show(_arranged(settings, footage, folder, broker.port), folder, terminal)
            summary = show.run(stop, seconds)
    if as_json:
        sys.stdout.write(json.dumps(asdict(summary)) + "\n")
    else:
        terminal.say(_in_words(summary))


def _arranged(settings: Settings, footage: str, folder: Path, broker_port: int) -> Settings:
    """The configuration, made private: own state, own broker, free port, demo campaign."""
    host, port = settings.player.host, settings.player.port
    web = settings.central.web
    office = folder / "central"
    make_signing_key(office)

    def but(section: str, **changes: Any) -> Any:
        return getattr(settings, section).model_copy(update=changes)

    changed = {
        # A desk need not have a time service, and a demo should end with its hour at head office.
        "clock": but("clock", trust="always"),
        "log": but("log", level="warning"),
        "vision": but("vision", source=footage, loop=Path(footage).is_file()),
        "audience": but(
            "audience", socket=folder / "audience.sock", publish_open_hour_on_stop=True
        ),
        # Nothing is learned in minutes: what fits most closely shows what targeting does.
        "ads": but(
            "ads",
            campaign=CAMPAIGN,
            control_share=0.0,
            learner=settings.ads.learner.model_copy(update={"enabled": False}),
        ),
        "player": but(
            "player", port=port if is_free(host, port) else free_port(), plays_batch_s=5.0
        ),
        "state": but("state", path=folder / "state.db"),
        "broker": but(
            "broker",
            host="127.0.0.1",
            port=broker_port,
            username=None,
            password_file=None,
            tls=TlsSettings(),
            backoff_min_s=0.2,
        ),
        "uplink": but("uplink", health_s=10.0, poll_s=0.2),
        "central": but(
            "central",
            database=str(folder / "central.db"),
            folder=office,
            web=web.model_copy(
                update={
                    "host": "127.0.0.1",
                    "port": web.port if is_free("127.0.0.1", web.port) else free_port(),
                    "public_url": None,
                    "cert_file": None,
                    "key_file": None,
                }
            ),
        ),
        "desired": but(
            "desired", public_keys=[office / "keys" / "office.pub"], folder=folder / "desired"
        ),
    }
    return settings.model_copy(update=changed)


class _Terminal:
    """Lines, and one line that is rewritten in place on a real terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = False

    def say(self, text: str) -> None:
        if self._live:
            self._stream.write("\x1b[2K")
            self._live = False
        self._stream.write(text + "\n")
        self._stream.flush()

    def show(self, line: str) -> None:
        if self._stream.isatty():
            columns = shutil.get_terminal_size().columns
            # The cursor goes back to the start, so that what a process says stands there alone.
            self._stream.write(f"\x1b[2K{line[: columns - 1]}\r")
            self._stream.flush()
            self._live = True


class _Show:
    """The processes of one demo."""

    def __init__(self, settings: Settings, folder: Path, terminal: _Terminal) -> None:
        self._settings = settings
        self._terminal = terminal
        config = folder / "config.yaml"
        write_settings(settings, config)
        commands: dict[str, Sequence[str]] = {
            name: child_command(name, config) for name in PROCESSES
        }
        for name in ("ingest", "web"):
            command = child_command("central", config)
            command.insert(command.index("central") + 1, name)
            commands["central" if name == "ingest" else name] = command
        self._supervisor = Supervisor(commands, settings.run)
        for name in ("central", "web"):
            self._supervisor.children[name].start_at_s = time.monotonic() + OFFICE_AFTER_S
        self._restarts = RestartFiles(settings.desired.folder / "restart", PROCESSES)
        self._password = secrets.token_urlsafe(8)
        self._others = OtherShops(settings, self._password, SystemClock())
        player = settings.player
        self._watcher = PageWatcher(f"ws://{player.host}:{player.port}/operator/ws")
        self._summary = Summary()

    def run(self, stop: threading.Event, seconds: float | None) -> Summary:
        """Until ``stop`` or the time is over; then stop in order and add up."""
        page = f"http://{self._settings.player.host}:{self._settings.player.port}"
        web = self._settings.central.web
        known = f"user {USER}, password {self._password}"
        self._terminal.say(f"screen:          {page}/screen\noperator's page: {page}/")
        self._terminal.say(f"head office:     http://{web.host}:{web.port}/ ({known})")
        self._terminal.say("stop with Ctrl-C" if seconds is None else f"stops in {seconds:g} s")
        began_s = time.monotonic()
        deadline_s = began_s + seconds if seconds is not None else float("inf")
        try:
            while not stop.wait(POLL_S) and time.monotonic() < deadline_s:
                self._tick()
                late = time.monotonic() - began_s > OTHERS_AFTER_S
                if self._others.ident is None and (self._summary.frames or late):
                    self._others.start()
        finally:
            self._watcher.close()
            self._others.close()
            self._supervisor.stop("vision", "director")
            self._drain()
            self._supervisor.stop_all()
        self._add_up()
        return self._summary

    def _tick(self) -> None:
        self._supervisor.tick()
        for name in self._restarts.asked():
            self._supervisor.restart(name)
        if self._supervisor.children["director"].state == "refused":
            raise GaveUpError("the director cannot start; what it said stands above")
        pids = self._supervisor.pids()
        resident_mb = sum(_resident_mb(pids[name]) for name in PROCESSES if name in pids)
        self._summary.peak_rss_mb = round(max(self._summary.peak_rss_mb, resident_mb), 1)
        seen = self._watcher.poll()
        self._summary.frames = seen.frames
        self._summary.fps = round(seen.mean_fps, 1)
        self._summary.inference_ms = seen.inference_ms
        self._terminal.show(self._watcher.line())

    def _drain(self) -> None:
        """Wait until head office has everything."""
        if not self._settings.state.path.is_file():
            return
        deadline_s = time.monotonic() + DRAIN_S
        with closing(open_store(self._settings.state.path, SystemClock())) as store:
            while time.monotonic() < deadline_s:
                self._supervisor.tick()
                backlog = Outbox(store).backlog()
                if backlog.waiting + backlog.at_broker == 0:
                    return
                time.sleep(0.1)
        log.warning("event=demo_not_drained: head office does not have everything")

    def _add_up(self) -> None:
        with closing(open_store(self._settings.state.path, SystemClock())) as store:
            self._summary.plays_by_reason = PlayBook(store).by_reason("")
            director = read_health(store, "director")
        counted = director[0] if director is not None else {}
        self._summary.passes = int(counted.get("passes", 0))
        self._summary.watchers = int(counted.get("watchers", 0))
        self._summary.plays = sum(self._summary.plays_by_reason.values())
        self._summary.mqtt_messages = _committed(self._settings)


def _committed(settings: Settings) -> int:
    """Messages of the real device in head office's database."""
    number = (
        "SELECT count(*) FROM {} AS t JOIN devices AS d ON d.id = t.device_id"
        " JOIN sites AS s ON s.id = d.site_id WHERE s.site = :site AND d.name = :name"
    )
    mine = {"site": settings.device.site, "name": settings.device.name}
    engine = open_database(settings.central)
    with engine.connect() as connection:
        found = [
            connection.execute(text(number.format(table)), mine).scalar_one()
            for table in ("hours", "play_batches")
        ]
    engine.dispose()
    return sum(found)


def _in_words(summary: Summary) -> str:
    reasons = "\n".join(f"  {count:4} {why}" for why, count in summary.plays_by_reason.items())
    return (
        f"{summary.frames} frames at {summary.fps} fps, {summary.inference_ms} ms of inference"
        f" each; {summary.passes} passes, {summary.watchers} of them watched\n"
        f"{summary.plays} plays:\n{reasons}\n"
        f"head office has {summary.mqtt_messages} messages;"
        f" the device took {summary.peak_rss_mb} MB at most"
    )


def _resident_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    found = next((line for line in status.splitlines() if line.startswith("VmRSS")), "VmRSS 0")
    return int(found.split()[1]) / 1024
