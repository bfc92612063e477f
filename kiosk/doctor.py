"""What is missing on this machine: one finding per thing, each with what to do."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from cryptography import x509

from kiosk.ads import Creative, load_campaign
from kiosk.audience import draw_release
from kiosk.clock import SystemClock
from kiosk.config import Settings, is_within
from kiosk.errors import KioskError, StateError
from kiosk.machine import (
    Finding,
    SystemFiles,
    look_at_cameras,
    look_at_clock,
    look_at_disk,
    look_at_display,
    look_at_heat,
    look_at_network,
)
from kiosk.screen import screen_programs
from kiosk.state import examine_store, read_glimpse
from kiosk.uplink import try_log_in
from kiosk.vision import accelerators, look_once, verify_models

CONNECT_S = 3.0


def examine(settings: Settings, files: SystemFiles | None = None) -> list[Finding]:
    """Look at everything that the processes need; changes nothing.

    Args:
        settings: the whole configuration.
        files: of the kernel; by default this machine's.
    """
    files = files or SystemFiles()
    return [
        _try("models", lambda: _models(settings)),
        _try("accelerator", lambda: _accelerator(settings)),
        look_at_cameras(settings.seeing.source, files),
        _try("camera", lambda: look_once(settings.seeing)),
        _try("campaign", lambda: _campaign(settings)),
        _try("state", lambda: _state(settings)),
        look_at_disk(settings.state.path.parent, files),
        look_at_clock(settings.clock, SystemClock(), _not_before(settings)),
        _noise(settings),
        _hours(settings),
        look_at_display(settings.screen.output, files),
        _player(settings),
        _screen_page(settings),
        look_at_heat(settings.seeing.pace.hot_c, files),
        look_at_network(settings.broker.host, files),
        _broker(settings),
    ]


def _try(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "ok", look())
    except KioskError as bad:
        return Finding(name, "fail", str(bad), bad.hint or "")


def _models(settings: Settings) -> str:
    names = verify_models(settings.seeing)
    return f"bundle {settings.seeing.bundle}: {len(names)} models, as built"


def _accelerator(settings: Settings) -> str:
    inference = settings.seeing.inference
    seen = accelerators()
    wanted = list(dict.fromkeys([inference.device, *inference.fallback]))
    usable = [name for name in wanted if name == "AUTO" or name in seen]
    if not usable:
        raise KioskError(
            f"none of {', '.join(wanted)} is here; OpenVINO sees {', '.join(seen) or 'none'}",
            hint="set vision.inference.device and vision.inference.fallback",
        )
    fallback = "" if usable[0] == wanted[0] else f" ({wanted[0]} is not here)"
    return f"{usable[0]} will be used{fallback}; OpenVINO sees {', '.join(seen)}"


def _campaign(settings: Settings) -> str:
    campaign = load_campaign(settings.ads.campaign)
    estimated = set(settings.seeing.attributes.estimate or ())
    never = [one.id for one in campaign.creatives if not _may_play(one, estimated)]
    told = f"{campaign.name}: {len(campaign.creatives)} creatives"
    if not never:
        return told
    policy = settings.privacy.policy
    return f"{told}, {len(never)} of which never play under policy {policy}: {', '.join(never)}"


def _may_play(creative: Creative, estimated: Collection[str]) -> bool:
    """Whether what a creative asks for is estimated; without an age everybody may be a minor."""
    wanted = creative.targeting
    needed = {name for name in ("age", "gender", "mood") if getattr(wanted, name)}
    return not wanted.criteria or ("age" in estimated and needed <= set(estimated))


def _state(settings: Settings) -> str:
    return examine_store(settings.state.path)


def _noise(settings: Settings) -> Finding:
    privacy = settings.privacy
    try:
        draw_release({}, privacy)
    except KioskError as bad:
        return Finding("noise", "fail", str(bad), bad.hint or "")
    if privacy.noise == "off":
        return Finding(
            "noise", "warn", "off: counts leave as they are", "for private trials only; see privacy"
        )
    told = f"{privacy.noise}, epsilon {privacy.epsilon:g} per pass: can be drawn"
    return Finding("noise", "ok", told)


def _hours(settings: Settings) -> Finding:
    now, zone = datetime.now(UTC), settings.device.timezone
    if is_within(settings.vision.off_hours, now, zone):
        return Finding("hours", "warn", "these are off hours: the camera is closed")
    if is_within(settings.audience.staff_hours, now, zone):
        return Finding("hours", "warn", "these are staff hours: nobody is counted")
    return Finding("hours", "ok", f"people are counted now ({zone})")


def _not_before(settings: Settings) -> dict[str, datetime]:
    """When the device's certificate begins to be valid, where that can be read."""
    path = settings.broker.tls.cert_file
    if path is None:
        return {}
    try:
        begins = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_before_utc
    except (OSError, ValueError):
        # Whoever may not read it, or finds it broken, hears so of the broker.
        return {}
    return {"the device's certificate": begins}


def _player(settings: Settings) -> Finding:
    programs = screen_programs(settings)
    *_, draws = programs
    shows = "images and video; HTML creatives are left out"
    if settings.player.backend == "chromium":
        shows = "images, video and HTML"
    missing = [one for one in programs if shutil.which(one) is None]
    if not missing:
        return Finding("player", "ok", f"{draws} draws the screen: {shows}")
    told = f"there is no {' and no '.join(missing)}, which the screen needs (player.backend: "
    return Finding(
        "player",
        # A machine that is to show nothing has no compositor.
        "fail" if draws in missing else "warn",
        f"{told}{settings.player.backend})",
        programs[missing[-1]],
    )


def _screen_page(settings: Settings) -> Finding:
    host, port = settings.player.host, settings.player.port
    where = f"http://{host}:{port}/screen"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_S)
        if probe.connect_ex((host, port)) != 0:
            return Finding("screen page", "ok", f"{where}: free for the director")
        try:
            probe.sendall(f"GET /health HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            answer = probe.recv(64)
        except OSError:
            answer = b""
    if b" 200 " in answer:
        return Finding("screen page", "ok", f"{where}: a director serves it")
    return Finding(
        "screen page",
        "fail",
        f"{host}:{port}: another program listens there",
        "stop it, or set player.port to another port",
    )


def _broker(settings: Settings) -> Finding:
    where = f"{settings.broker.host}:{settings.broker.port}"
    if _uplink_is_connected_to(where, settings):
        # Trying would throw it off a broker that takes a certificate's name for the client's id.
        return Finding("broker", "ok", f"{where}: the uplink that runs is connected")
    try:
        seen = try_log_in(settings, SystemClock())
    except KioskError as bad:
        return Finding("broker", "fail", str(bad), bad.hint or "")
    if seen.taken:
        return Finding("broker", "ok", f"{where}: {seen.message}")
    return Finding(
        "broker", "fail" if seen.reached else "warn", f"{where}: {seen.message}", seen.hint
    )


def _uplink_is_connected_to(broker: str, settings: Settings) -> bool:
    try:
        found = read_glimpse(settings.state.path)
    except StateError:
        return False
    return found.connected is True and found.broker == broker
