"""The compositor: sway with a configuration of ours, and no key or pointer that could undo it.

sway and not cage: cage 0.1.4 (Debian 12) can neither turn nor size an output (it has no
wlr-output-management) and refuses to start without Xwayland.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.config import ScreenSettings
from kiosk.errors import KioskError
from kiosk.screen.card import draw_card
from kiosk.screen.children import Child
from kiosk.screen.places import display_socket

START_S = 10.0
POLL_S = 0.05
ANSWER_S = 3.0
PATIENCE_S = 2.0
GROUND = "#0b1d2a"
"""The page's own ground; without a card it is what is seen before the page is."""


@dataclass(frozen=True)
class Output:
    """A display that the compositor has switched on.

    Attributes:
        name: of the connector.
        width: of the picture in pixels, before it is turned.
        height: likewise.
        refresh_hz: pictures a second.
        transform: how it is turned, in the compositor's word.
    """

    name: str
    width: int
    height: int
    refresh_hz: float
    transform: str


def sway_config(settings: ScreenSettings, card: Path) -> str:
    """The compositor's configuration.

    Args:
        settings: output, mode and rotation.
        card: a picture for while nothing else is drawn.
    """
    turned = f"transform {settings.rotate_deg or 'normal'}"
    mode = ""
    if settings.mode:
        size, _, rate = settings.mode.partition("@")
        mode = f"mode {size}" + (f"@{rate}Hz " if rate else " ")
    lines = [
        "xwayland disable",
        "default_border none",
        "default_floating_border none",
        'for_window [title=".*"] fullscreen enable',
        "seat * hide_cursor 100",
        f'output * bg "{card}" stretch {GROUND}',
    ]
    if settings.output:
        lines.append("output * disable")
    lines.append(f'output "{settings.output or "*"}" enable {mode}{turned} scale 1')
    return "\n".join(lines) + "\n"


def outputs_of(answer: str) -> list[Output]:
    """The outputs that are on, of what sway answers to ``get_outputs``.

    Raises:
        ValueError: it is not that.
    """
    try:
        return [_output(each) for each in json.loads(answer) if each["active"]]
    except (KeyError, TypeError) as bad:
        raise ValueError(f"not a list of outputs: {bad!r}") from bad


def _output(each: dict[str, Any]) -> Output:
    mode = each["current_mode"]
    return Output(
        name=str(each["name"]),
        width=int(mode["width"]),
        height=int(mode["height"]),
        refresh_hz=int(mode["refresh"]) / 1000,
        transform=str(each["transform"]),
    )


def mode_refused(settings: ScreenSettings, outputs: list[Output]) -> str:
    """Which output does not have the size that was asked for; empty when all do."""
    size = (settings.mode or "").partition("@")[0]
    for output in outputs:
        if size and size != f"{output.width}x{output.height}":
            return f"{output.name} runs at {output.width}x{output.height}"
    return ""


class Compositor:
    """sway as a child."""

    def __init__(self, settings: ScreenSettings, folder: Path, env: Mapping[str, str]) -> None:
        """Start nothing yet.

        Args:
            settings: output, mode and rotation.
            folder: of the session's sockets.
            env: what it sees.
        """
        self._settings = settings
        self._folder = folder
        self._env = dict(env)
        self._child: Child | None = None
        self.display = ""

    @property
    def started(self) -> bool:
        """It was started and not ended by us; it may have ended by itself."""
        return self._child is not None

    @property
    def alive(self) -> bool:
        """It runs."""
        return self._child is not None and self._child.alive

    @property
    def ended_by(self) -> str:
        """How it ended."""
        return self._child.ended_by if self._child else "not started"

    def start(self, stop: threading.Event) -> None:
        """Start it and wait until programs can draw.

        Args:
            stop: gives up early.

        Raises:
            KioskError: it ended, or was not ready in time.
        """
        for old in [*self._folder.glob("wayland-*"), self._folder / "sway.sock"]:
            old.unlink(missing_ok=True)
        config = self._folder / "sway.conf"
        card = self._folder / "card.png"
        draw_card(card)
        config.write_text(sway_config(self._settings, card), encoding="utf-8")
        self._child = Child(["sway", "--config", str(config)], self._env)
        deadline = time.monotonic() + START_S
        while self._child.alive and time.monotonic() < deadline and not stop.is_set():
            socket = display_socket(self._folder)
            if socket is not None and self.outputs() is not None:
                self.display = socket.name
                return
            stop.wait(POLL_S)
        why = "it is not ready in time" if self._child.alive else self._child.ended_by
        self.end()
        raise KioskError(f"the compositor (sway) did not start: {why}")

    def outputs(self) -> list[Output] | None:
        """The outputs that are on; ``None`` when it does not answer."""
        with suppress(OSError, subprocess.SubprocessError, ValueError):
            done = subprocess.run(
                ["swaymsg", "--raw", "--type", "get_outputs"],
                env=self._env,
                capture_output=True,
                text=True,
                check=True,
                timeout=ANSWER_S,
            )
            return outputs_of(done.stdout)
        return None

    def end(self, patience_s: float = PATIENCE_S) -> None:
        """End it."""
        if self._child is not None:
            self._child.end(patience_s)
        self._child = None
