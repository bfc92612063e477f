"""How this device does now: quick to tell, whatever is wrong with it, and without touching a thing.

Comes in: the director's own word on loopback, the state file, the kernel's word on disk and clock.
Goes out: one finding per thing, each with what to do. Never writes, locks or starts anything.
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ValidationError

from kiosk import __version__
from kiosk.clock import Clock, SystemClock
from kiosk.config import Settings
from kiosk.errors import StateError
from kiosk.machine import Finding, SystemFiles, look_at_clock, look_at_disk
from kiosk.state import Glimpse, read_glimpse

ANSWER_S = 1.0
"""The director answers within one of its turns, far sooner than this."""

MOST_BYTES = 65536

BEAT_LATE_S = 10.0
"""Five beats that did not come."""

PLAY_LATE_S = 120.0
"""Without a confirmed play for so long, several creatives in a row did not come to the screen."""

OLD_S = 6 * 3600
"""A message that waits for longer tells of an outage that lasts."""

UNKNOWN = "not known: the director does not answer"


class _Vision(BaseModel):
    state: Literal["live", "stale", "absent", "resting"]
    age_s: float | None


class _Screen(BaseModel):
    pages: int
    beat_age_s: float | None
    presented: int
    presented_age_s: float | None
    aiming: bool = False


class _Answer(BaseModel):
    """The director's word; a newer one may say more than we know."""

    version: str
    uptime_s: float
    vision: _Vision
    screen: _Screen


@dataclass(frozen=True)
class _Silence:
    """Why there is no answer, and what to do."""

    why: str
    hint: str


def look(
    settings: Settings, clock: Clock | None = None, files: SystemFiles | None = None
) -> list[Finding]:
    """Look at everything once.

    Args:
        settings: the whole configuration.
        clock: this machine's by default.
        files: of the kernel; this machine's by default.
    """
    clock, files = clock or SystemClock(), files or SystemFiles()
    said = _ask(settings)
    return [
        _director(said, settings),
        _vision(said, settings),
        _screen(said, settings),
        _plays(said),
        *_way_out(settings, clock),
        look_at_clock(settings.clock, clock),
        look_at_disk(settings.state.path.parent, files),
    ]


def _ask(settings: Settings) -> _Answer | _Silence:
    host, port = settings.player.host, settings.player.port
    where = f"http://{host}:{port}/status"
    if port == 0:
        return _Silence(
            "player.port is 0, so nobody knows where it listens", "set player.port to a fixed port"
        )
    try:
        return _Answer.model_validate_json(_get(host, port))
    except (ValidationError, http.client.HTTPException):
        return _Silence(
            f"{where}: what answers there is no director of this version",
            "`systemctl restart kiosk.target`; if it lasts, another program has the port",
        )
    except OSError as bad:
        why = "no answer" if isinstance(bad, TimeoutError) else bad.strerror or str(bad)
        return _Silence(
            f"{where}: {why}",
            "`systemctl status kiosk-director` says why; `kiosk doctor` says what is missing",
        )


def _get(host: str, port: int) -> bytes:
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/status")
        # What is no answer of ours, such as one that there is no such page, is no JSON of ours.
        return connection.getresponse().read(MOST_BYTES)
    finally:
        connection.close()


def _director(said: _Answer | _Silence, settings: Settings) -> Finding:
    if isinstance(said, _Silence):
        return Finding("director", "fail", said.why, said.hint)
    if said.version != __version__:
        return Finding(
            "director",
            "warn",
            f"version {said.version} runs, and this is {__version__}",
            "`systemctl restart kiosk.target` starts the one that is installed",
        )
    where = f"http://{settings.player.host}:{settings.player.port}/"
    return Finding("director", "ok", f"{where} answers, up for {_span(said.uptime_s)}")


def _vision(said: _Answer | _Silence, settings: Settings) -> Finding:
    if isinstance(said, _Silence):
        return Finding("vision", "fail", UNKNOWN)
    state, age_s = said.vision.state, said.vision.age_s
    if state == "resting":
        return Finding("vision", "ok", "these are off hours: the camera is closed")
    if state == "live":
        return Finding("vision", "ok", f"a frame was looked at {age_s or 0:.1f} s ago")
    if state == "absent":
        return Finding(
            "vision",
            "fail",
            "it is not connected to the director: adverts play untargeted, nobody is counted",
            "`systemctl status kiosk-vision` says why; `kiosk doctor` looks at the camera",
        )
    since = "yet" if age_s is None else f"for {_span(age_s)}"
    return Finding(
        "vision",
        "fail",
        f"it runs, but has looked at no frame {since}: adverts play untargeted, nobody is counted",
        f"is the camera ({settings.seeing.source}) unplugged? `journalctl -u kiosk-vision`",
    )


def _screen(said: _Answer | _Silence, settings: Settings) -> Finding:
    if isinstance(said, _Silence):
        return Finding("screen", "fail", UNKNOWN)
    pages, beat_s = said.screen.pages, said.screen.beat_age_s
    drawn_by = "mpv" if settings.player.backend == "mpv" else "the browser"
    restart = f"`systemctl restart kiosk-screen` starts {drawn_by} again"
    if pages == 0:
        address = f"http://{settings.player.host}:{settings.player.port}/screen"
        return Finding(
            "screen",
            "fail",
            "no page is connected: nobody sees what plays",
            f"`systemctl status kiosk-screen` says why; any browser here can open {address}",
        )
    if beat_s is None:
        return Finding(
            "screen", "warn", "a page is connected, and has not said that it draws", restart
        )
    if beat_s > BEAT_LATE_S:
        return Finding(
            "screen", "fail", f"the page is connected, but drew last {_span(beat_s)} ago", restart
        )
    return Finding("screen", "ok", f"{pages} page(s), {drawn_by} drew {beat_s:.1f} s ago")


def _plays(said: _Answer | _Silence) -> Finding:
    if isinstance(said, _Silence):
        return Finding("plays", "fail", UNKNOWN)
    count, age_s = said.screen.presented, said.screen.presented_age_s
    if said.screen.aiming:
        return Finding(
            "plays",
            "warn",
            "none is on screen: the aiming page covers them",
            "it ends by itself; `kiosk aim --stop` ends it now",
        )
    if age_s is not None and age_s <= PLAY_LATE_S:
        return Finding("plays", "ok", f"{count} were on screen since the director's start")
    if count == 0 and said.uptime_s <= PLAY_LATE_S:
        return Finding("plays", "warn", "none was on screen yet: the director has just started")
    since = "since its start" if age_s is None else f"for {_span(age_s)}"
    return Finding(
        "plays",
        "fail",
        f"no screen has confirmed a play {since}",
        "see `screen` above; `journalctl -u kiosk-director` names creatives that failed",
    )


def _way_out(settings: Settings, clock: Clock) -> list[Finding]:
    try:
        found = read_glimpse(settings.state.path)
    except StateError as bad:
        # One thing is wrong, and `outbox` says it.
        return [
            Finding("broker", "fail", "not known: the state file tells nothing"),
            Finding("outbox", "fail", str(bad), bad.hint or ""),
        ]
    return [_broker(found, settings), _outbox(found, clock)]


def _broker(found: Glimpse, settings: Settings) -> Finding:
    where = f"{settings.broker.host}:{settings.broker.port}"
    if found.connected is None:
        return Finding(
            "broker",
            "fail",
            "the uplink does not run: what is counted is kept and not sent",
            "`systemctl status kiosk-uplink` says why",
        )
    if found.connected:
        return Finding("broker", "ok", f"connected to {where}")
    return Finding(
        "broker",
        "fail",
        f"not connected to {where}: what is counted is kept and sent later",
        "check the network; `kiosk doctor` tries to log in and says what the broker answers",
    )


def _outbox(found: Glimpse, clock: Clock) -> Finding:
    told = f"{found.waiting} to be sent, {found.at_broker} not acknowledged by head office"
    age_s = _age_s(found.oldest, clock)
    if age_s > OLD_S:
        return Finding(
            "outbox",
            "warn",
            f"{told}; the oldest is {_span(age_s)} old",
            "nothing is lost; check `broker`, and head office if that is ok",
        )
    return Finding("outbox", "ok", told)


def _age_s(moment: str | None, clock: Clock) -> float:
    try:
        return (clock.utc() - datetime.fromisoformat(moment or "")).total_seconds()
    except (TypeError, ValueError):
        return 0.0


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
