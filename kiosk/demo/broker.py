"""A private Mosquitto on a free loopback port."""

from __future__ import annotations

import ctypes
import getpass
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from kiosk.errors import BrokerError

START_S = 10.0

PARENT_DIED = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


class PrivateBroker:
    """Mosquitto as a child; ends with this object's block."""

    def __init__(self, folder: Path) -> None:
        """Start it.

        Args:
            folder: where its configuration and its messages are kept.

        Raises:
            BrokerError: Mosquitto is not installed or does not start.
        """
        program = shutil.which(
            "mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
        )
        if program is None:
            raise BrokerError("mosquitto is not installed", hint="apt-get install mosquitto")
        self.port = free_port()
        config = folder / "mosquitto.conf"
        config.write_text(
            # As whoever we are: a process that changes its user forgets whom to die with.
            f"listener {self.port} 127.0.0.1\nuser {getpass.getuser()}\n"
            "allow_anonymous true\nlog_dest none\n"
            f"persistence true\npersistence_location {folder}/\n",
            encoding="utf-8",
        )
        self._process = subprocess.Popen(
            [program, "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C is for us: the broker is needed until the last counts have left.
            process_group=0,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - it takes no lock that a thread may hold
        )
        deadline = time.monotonic() + START_S
        while not self._accepts():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.close()
                raise BrokerError(f"mosquitto does not start on port {self.port}")
            time.sleep(0.05)

    def __enter__(self) -> PrivateBroker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def _die_with_parent() -> None:
    # A demo that is killed must not leave a broker behind.
    ctypes.CDLL(None).prctl(PARENT_DIED, signal.SIGTERM)


def is_free(host: str, port: int) -> bool:
    """Nobody listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        return port != 0 and probe.connect_ex((host, port)) != 0


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
