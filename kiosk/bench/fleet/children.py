"""Processes that a bench starts and ends: none outlives it, whatever becomes of it."""

from __future__ import annotations

import ctypes
import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from kiosk.errors import BrokerError, KioskError, StateError

START_S = 30.0
STOP_S = 20.0
POLL_S = 0.05

PARENT_DIED = 1
"""PR_SET_PDEATHSIG of prctl(2)."""

ORDINARY_USER = "postgres"
"""Debian's package makes it; PostgreSQL refuses to run as root."""


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Somebody listens there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start_child(
    command: Sequence[str],
    log: Path,
    *,
    user: str | None = None,
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
    env: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process that the kernel ends when we die; what it says goes to ``log``."""
    libc = ctypes.CDLL(None)

    def die_with_parent() -> None:
        libc.prctl(PARENT_DIED, signal.SIGKILL)

    with log.open("ab") as said:
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=said if stdout is None else stdout,
            stderr=said,
            # Ctrl-C is for us: we end them in order.
            process_group=0,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - it takes no lock that a thread may hold
            user=user,
            cwd=log.parent,
            env=env,
        )


def wait_until(holds: Callable[[], bool], what: str, patience_s: float = START_S) -> None:
    """Look again and again.

    Raises:
        KioskError: it did not come about.
    """
    deadline = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > deadline:
            raise KioskError(f"not within {patience_s:g} s: {what}")
        time.sleep(POLL_S)


def end(process: subprocess.Popen[bytes] | None, number: int = signal.SIGTERM) -> None:
    """Ask, wait, insist."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(number)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def resident_mb(pid: int) -> float:
    """Resident memory of a process; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    found = next((line for line in status.splitlines() if line.startswith("VmRSS")), "VmRSS 0")
    return int(found.split()[1]) / 1024


def processor_s(pid: int) -> float:
    """Processor time of a process and its children, those that have ended included."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(path.parent.name) == pid:
            ticks += sum(int(field) for field in fields[11:15])
        elif int(fields[1]) == pid:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Mosquitto:
    """A broker on loopback, bounded as ``deploy/mosquitto`` says."""

    def __init__(self, folder: Path) -> None:
        """Start it.

        Raises:
            BrokerError: it is not installed or does not start.
        """
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        if program is None:
            raise BrokerError("mosquitto is not installed", hint="apt-get install mosquitto")
        self.port = free_port()
        config = folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nuser {getpass.getuser()}\nallow_anonymous true\n"
            "max_inflight_messages 200\nmax_queued_messages 100000\nmax_queued_bytes 268435456\n"
            "max_packet_size 1048576\nlog_dest none\n"
            f"persistence true\npersistence_location {folder}/\n"
            "autosave_interval 60\nautosave_on_changes false\n",
            encoding="utf-8",
        )
        self._process = start_child([program, "-c", str(config)], folder / "mosquitto.log")
        try:
            wait_until(lambda: accepts(self.port), "mosquitto accepts connections")
        except KioskError as bad:
            end(self._process)
            raise BrokerError(f"mosquitto does not start on port {self.port}") from bad

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def close(self) -> None:
        """End it."""
        end(self._process)


class Postgres:
    """A database server on loopback, with the durability of a real one, and files of its own."""

    def __init__(self, folder: Path) -> None:
        """Make its files and start it.

        Args:
            folder: for its files; where we are root, its ordinary user has to be able to enter it.

        Raises:
            StateError: it is not installed or does not start.
        """
        if not _program("postgres"):
            raise StateError(
                "PostgreSQL's server is not installed",
                hint="apt-get install postgresql, or give --database",
            )
        self._folder, self._log = folder, folder / "postgres.log"
        self._user = ORDINARY_USER if os.geteuid() == 0 else None
        self.port = free_port()
        if self._user is not None:
            entry = pwd.getpwnam(self._user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        made = start_child(
            [
                *(_program("initdb"), "--pgdata", str(folder / "data"), "--auth=trust"),
                *("--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8"),
            ],
            self._log,
            user=self._user,
            env=_environment(),
        ).wait()
        if made != 0:
            raise StateError(f"initdb failed: {self._log.read_text(errors='replace')[-500:]}")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def pid(self) -> int | None:
        """Of the server, whose children answer."""
        return self._process.pid if self._process is not None else None

    @property
    def url(self) -> str:
        """As ``central.database`` wants it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it on its port.

        Raises:
            StateError: it does not start.
        """
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            # Otherwise as it comes: every commit is on the disk before it is told of.
            "shared_buffers": "512MB",
            "max_wal_size": "4GB",
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        self._process = start_child(
            [_program("postgres"), "-D", str(self._folder / "data"), *words],
            self._log,
            user=self._user,
            env=_environment(),
        )
        try:
            wait_until(self._answers, "PostgreSQL answers")
        except KioskError as bad:
            end(self._process)
            said = self._log.read_text(errors="replace")[-500:]
            raise StateError(f"PostgreSQL does not start: {said}") from bad

    def stop(self) -> None:
        """Fast shutdown: whatever is not committed is rolled back."""
        end(self._process, signal.SIGINT)

    def close(self) -> None:
        """End it."""
        end(self._process, signal.SIGQUIT)

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _program(name: str) -> str:
    """Debian keeps the server's programs of each version out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else (shutil.which(name) or "")


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
