"""Which process a number belongs to: numbers are given again, and after a restart the same ones."""

from __future__ import annotations

from pathlib import Path

START = 19
"""Field of /proc/PID/stat that follows the name in brackets: see proc_pid_stat(5), `starttime`."""


def process_start(pid: object, proc: Path = Path("/proc")) -> int | None:
    """When a process began, in ticks since the machine's start; ``None`` when it does not run.

    Together with its number it names a process for good, in sandboxes too, which may be shown
    another name of the boot than the rest of the machine.
    """
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        return None
    try:
        stat = (proc / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
        # The name may hold spaces and brackets.
        return int(stat.rpartition(")")[2].split()[START])
    except (OSError, ValueError, IndexError):
        return None
