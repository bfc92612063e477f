"""`kiosk run`: the three processes as children of one foreground command.

It also does what systemd's path units do for a device: a process whose file in ``desired.folder``
is touched, because head office or a new configuration wants it, is started again.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.config import RunSettings, Settings, write_settings
from kiosk.errors import KioskError
from kiosk.service import SUPERVISOR

log = logging.getLogger(__name__)

POLL_S = 0.2
RESTART_DELAY_S = 0.5
BAD_INPUT = 2
"""Exit code of a child whose input is wrong: starting it again would not help."""

CANNOT_START = 127
"""What a shell would say of a program that it cannot start."""

PROCESSES = ("uplink", "director", "vision")
"""In the order of starting."""

STOPPED_LAST = ("uplink", "central")
"""They carry what the others say when they stop."""

MAY_FINISH = frozenset({"vision"})
"""Whose work can be done: a film has an end. Any other process that ends has failed."""


class GaveUpError(KioskError):
    """A process without which there is no screen cannot be kept running."""


@dataclass
class Child:
    """One process and its recent deaths.

    Attributes:
        deaths: monotonic times of the deaths within the window, bounded by the budget.
        state: ``running``; ``stopping`` to be started again; ``waiting`` for its start;
            ``finished`` (it ended in good order); ``refused`` (its input is wrong); ``stopped``
            (as it was told, for good).
        kill_at_s: when one that is stopping is not asked any more.
    """

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    state: str = "waiting"
    start_at_s: float = 0.0
    kill_at_s: float = float("inf")
    deaths: deque[float] = field(default_factory=deque)


class Supervisor:
    """Starts children, starts them again within a budget, and stops them in order."""

    def __init__(
        self,
        commands: dict[str, Sequence[str]],
        settings: RunSettings,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self.children = {name: Child(name, command) for name, command in commands.items()}

    def tick(self) -> None:
        """Look after every child; called a few times a second."""
        now_s = self._monotonic()
        for child in self.children.values():
            if child.state == "running" and child.process is not None:
                code = child.process.poll()
                if code is not None:
                    self._died(child, code, now_s)
            elif child.state == "stopping" and child.process is not None:
                self._await_end(child, child.process, now_s)
            elif child.state == "waiting" and now_s >= child.start_at_s:
                self._start(child, now_s)

    def restart(self, name: str) -> None:
        """Ask a child to stop, and start it again when it has; returns at once.

        It is no death, and one whose input was wrong, or whose film is over, gets another try: a
        new configuration may name a camera. One that was stopped stays so.
        """
        child = self.children[name]
        if child.state in ("refused", "finished"):
            child.state, child.start_at_s = "waiting", self._monotonic()
        elif child.state == "running" and child.process is not None:
            log.info("event=process_restarted name=%s", name)
            child.process.terminate()
            child.state = "stopping"
            child.kill_at_s = self._monotonic() + self._settings.stop_timeout_s

    def _await_end(self, child: Child, process: subprocess.Popen[bytes], now_s: float) -> None:
        if process.poll() is not None:
            self._start(child, now_s)
        elif now_s >= child.kill_at_s:
            log.error("event=process_killed name=%s: it did not stop", child.name)
            process.kill()
            child.kill_at_s = float("inf")

    def _start(self, child: Child, now_s: float) -> None:
        try:
            # A process group of its own: Ctrl-C reaches us alone, and we stop them in order.
            child.process = subprocess.Popen(
                child.command, process_group=0, env={**os.environ, SUPERVISOR: str(os.getpid())}
            )
        except OSError as bad:
            log.error("event=process_not_started name=%s reason=%s", child.name, bad)
            self._died(child, CANNOT_START, now_s)
            return
        child.state = "running"

    def pids(self) -> dict[str, int]:
        """Process ids of the children that run."""
        return {
            child.name: child.process.pid
            for child in self.children.values()
            if child.state == "running" and child.process is not None
        }

    def stop(self, *names: str) -> None:
        """Ask some children to stop, all at once, and insist where one does not."""
        running = []
        for name in names:
            child = self.children[name]
            child.state = "stopped"
            if child.process is not None and child.process.poll() is None:
                child.process.terminate()
                running.append((name, child.process))
        for name, process in running:
            try:
                process.wait(self._settings.stop_timeout_s)
            except subprocess.TimeoutExpired:
                log.error("event=process_killed name=%s: it did not stop", name)
                process.kill()
                process.wait()

    def stop_all(self) -> None:
        """Stop every child, those last that carry the others' last words; none is left."""
        last = [name for name in self.children if name in STOPPED_LAST]
        try:
            self.stop(*(name for name in self.children if name not in last))
            for name in last:
                self.stop(name)
        except BaseException:
            for child in self.children.values():
                if child.process is not None and child.process.poll() is None:
                    child.process.kill()
                    child.process.wait()
            raise

    def _died(self, child: Child, code: int, now_s: float) -> None:
        if code == 0 and child.name in MAY_FINISH:
            child.state = "finished"
            log.info("event=process_finished name=%s", child.name)
            return
        if code == BAD_INPUT:
            child.state = "refused"
            log.error("event=process_refused name=%s: its input is wrong", child.name)
            return
        window_s = self._settings.restart_window_s
        child.deaths.append(now_s)
        while child.deaths and now_s - child.deaths[0] > window_s:
            child.deaths.popleft()
        child.state = "waiting"
        if len(child.deaths) > self._settings.restart_budget:
            child.start_at_s = now_s + window_s
            log.error(
                "event=process_given_up name=%s exit=%d: %d deaths in %g s; next try in %g s",
                child.name,
                code,
                len(child.deaths),
                window_s,
                window_s,
            )
            child.deaths.clear()
            return
        child.start_at_s = now_s + RESTART_DELAY_S
        log.warning("event=process_died name=%s exit=%d: starting it again", child.name, code)


class RestartFiles:
    """The files by which a restart is asked for: one for each process, touched to ask."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        """What was asked for before is not asked for now.

        Args:
            folder: where they are.
            names: of the processes, and of their files.
        """
        self._paths = {name: folder / name for name in names}
        self._seen = {name: _touched(path) for name, path in self._paths.items()}

    def asked(self) -> list[str]:
        """Processes whose file was touched since the last look."""
        now = {name: _touched(path) for name, path in self._paths.items()}
        found = [name for name, touched in now.items() if touched not in (None, self._seen[name])]
        self._seen = now
        return found


def _touched(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def child_command(name: str, config: Path) -> list[str]:
    """How a process is started."""
    return [sys.executable, "-m", "kiosk", name, "--config", str(config)]


def run_all(settings: Settings, stop: threading.Event) -> None:
    """Run the three processes until ``stop`` is set.

    Args:
        settings: the device's own; each process lays over them what head office has set.
        stop: when to end.

    Raises:
        GaveUpError: the director refused its input, so that there is no screen.
    """
    with tempfile.TemporaryDirectory(prefix="kiosk-run-") as folder:
        config = Path(folder) / "config.yaml"
        write_settings(settings.taken.own, config)
        supervisor = Supervisor(
            {name: child_command(name, config) for name in PROCESSES}, settings.run
        )
        files = RestartFiles(settings.desired.folder / "restart", PROCESSES)
        try:
            while not stop.wait(POLL_S):
                for name in files.asked():
                    supervisor.restart(name)
                supervisor.tick()
                if supervisor.children["director"].state == "refused":
                    raise GaveUpError("the director cannot start; what it said stands above")
        finally:
            supervisor.stop_all()
