"""A real Mosquitto as a child process, for tests."""

from __future__ import annotations

import getpass
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

DEADLINE_S = 45.0


def wait_for(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Return as soon as ``condition()`` is true.

    Raises:
        AssertionError: it was not within ``deadline_s`` seconds.
    """
    until = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < until, f"not within {deadline_s:g} s: {what}"
        time.sleep(0.01)


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A broker on a loopback port; use it as a context manager.

    Args:
        folder: where its configuration, log and, if asked for, store go.
        port: where it listens; by default a free port, which it keeps over restarts.
        users: name to password; by default everybody may connect.
        acl: content of the access list.
        persistence: keep sessions and messages over a restart.
        extra: more lines of configuration.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        users: dict[str, str] | None = None,
        acl: str | None = None,
        persistence: bool = False,
        extra: str = "",
    ) -> None:
        self.port = port or free_port()
        self._folder = folder
        self._log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"user {getpass.getuser()}",
            f"allow_anonymous {'false' if users else 'true'}",
            "log_dest stderr",
            "log_type all",
            f"persistence {'true' if persistence else 'false'}",
            extra,
        ]
        if persistence:
            lines += [f"persistence_location {folder}/", "autosave_interval 1"]
        if users:
            lines.append(f"password_file {self._password_file(users)}")
        if acl is not None:
            (folder / "acl").write_text(acl)
            (folder / "acl").chmod(0o600)
            lines.append(f"acl_file {folder / 'acl'}")
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines) + "\n")

    def _password_file(self, users: dict[str, str]) -> Path:
        path = self._folder / "passwords"
        path.write_text("")
        path.chmod(0o600)
        for name, password in users.items():
            subprocess.run(
                ["mosquitto_passwd", "-b", str(path), name, password],
                check=True,
                capture_output=True,
            )
        return path

    @property
    def log(self) -> str:
        """Everything that it has logged, over all its starts."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def pid(self) -> int:
        """Its process id, while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and return when it accepts connections."""
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", str(self._config)], stdout=log, stderr=log
            )
        wait_for(self._accepts, "mosquitto accepts connections")

    def _accepts(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"mosquitto ended: {self.log}"
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it: with ``SIGTERM`` in good order, with ``SIGKILL`` at once."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(DEADLINE_S)

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
