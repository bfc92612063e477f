"""A real nats-server as a child process, for tests: JetStream and MQTT 3.1.1 on loopback."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType

import pytest

from tests.mosquitto import DEADLINE_S, free_port, wait_for

CONFIG = """
server_name: kiosk
listen: 127.0.0.1:{own}
jetstream {{ store_dir: "{folder}/jetstream", max_memory_store: 64MB, max_file_store: 256MB }}
mqtt {{ listen: 127.0.0.1:{mqtt} }}
"""


class Nats:
    """A broker whose MQTT stands on ``port``; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        config = CONFIG.format(own=free_port(), mqtt=self.port, folder=folder)
        (folder / "nats.conf").write_text(config)

    @property
    def log(self) -> str:
        """Everything that it has logged."""
        return (self._folder / "nats.log").read_text(errors="replace")

    def start(self) -> None:
        """Start it, and return when it accepts connections."""
        program = shutil.which("nats-server", path="/usr/sbin:/usr/local/bin:/usr/bin")
        if program is None:
            pytest.skip("NATS is not here: apt-get install nats-server")
        with (self._folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", str(self._folder / "nats.conf")], stdout=log, stderr=log
            )
        wait_for(self._accepts, "nats-server accepts connections")

    def _accepts(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"nats-server ended: {self.log}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(DEADLINE_S)

    def __enter__(self) -> Nats:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
