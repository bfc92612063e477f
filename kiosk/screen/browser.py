"""The browser: Chromium in kiosk mode, with a profile that is new each time and never on a disk."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from kiosk.screen.children import Child

PATIENCE_S = 2.0
CACHE_MB = 64
TOLD_CHARS = 300

ABSENT = ("Translate", "MediaRouter", "OptimizationHints", "DialMediaRouteProvider", "InterestFeed")
"""Parts of the browser that ask, offer or fetch something."""

QUIET = (
    "--kiosk",
    "--no-first-run",
    "--no-default-browser-check",
    "--noerrdialogs",
    "--hide-crash-restore-bubble",
    "--disable-session-crashed-bubble",
    "--disable-prompt-on-repost",
    "--disable-notifications",
    "--disable-pinch",
    # A film is muted by the page; what an HTML creative plays is not.
    "--mute-audio",
    "--overscroll-history-navigation=0",
    f"--disable-features={','.join(ABSENT)}",
)
"""Nothing but the page is ever on the screen, and nothing is heard."""

ALONE = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-component-extensions-with-background-pages",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--disable-quic",
    "--no-pings",
    # Calls between browsers are the one thing that no policy of a page forbids a creative.
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--no-service-autorun",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--password-store=basic",
    # Only what ends it; the rest would fill a log for nobody.
    "--log-level=3",
)
"""It asks nobody but the director, and leaves no report of a crash."""

STEADY = (
    "--ozone-platform=wayland",
    "--autoplay-policy=no-user-gesture-required",
    # The page's sign of life comes from its drawing, which must not be slowed down while something
    # lies over it.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    f"--disk-cache-size={CACHE_MB << 20}",
)
"""It plays at its own pace. How it renders is left to the browser, which falls back by itself from
a graphics driver that fails to one that does not."""


def browser_command(program: str, profile: Path, url: str) -> list[str]:
    """Program and arguments."""
    return [program, *QUIET, *ALONE, *STEADY, f"--user-data-dir={profile}", url]


class Browser:
    """The browser as a child."""

    def __init__(self, program: str, scratch: Path, env: Mapping[str, str]) -> None:
        """Start nothing yet.

        Args:
            program: its name or path.
            scratch: a folder in memory.
            env: what it sees, but for the display.
        """
        self._program = program
        self._profile = scratch / "profile"
        self._complaints = scratch / "browser.log"
        self._env = dict(env)
        self._child: Child | None = None

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
        """How it ended, with the last that it said."""
        how = self._child.ended_by if self._child else "not started"
        said: list[str] = []
        with suppress(OSError):
            said = self._complaints.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "")
        return f"{how}: {last[:TOLD_CHARS]}" if last else how

    def start(self, display: str, url: str) -> None:
        """Start it with a profile of its own, so that there is nothing to restore.

        Args:
            display: name of the compositor's socket.
            url: the page.
        """
        self._forget()
        with self._complaints.open("wb") as complaints:
            self._child = Child(
                browser_command(self._program, self._profile, url),
                self._env | {"WAYLAND_DISPLAY": display},
                stderr=complaints,
            )

    def end(self, patience_s: float = PATIENCE_S) -> None:
        """End it and forget what it kept."""
        if self._child is not None:
            self._child.end(patience_s)
        self._child = None
        self._forget()

    def seen(self, display: bool) -> None:
        """Whether there is a display; the page itself knows when it is not drawn."""

    def _forget(self) -> None:
        shutil.rmtree(self._profile, ignore_errors=True)
