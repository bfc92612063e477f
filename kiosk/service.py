"""What makes a process a good service: signals, logs, and a heartbeat that real progress feeds.

Under systemd, messages go to the journal with their fields and state goes to the manager by
``sd_notify``; on a terminal the same messages are lines on standard error.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
import time
from typing import Any, Callable

log = logging.getLogger(__name__)

SUPERVISOR = "KIOSK_SUPERVISOR"
"""Environment variable: process id of the `kiosk run` that started us."""

SUPERVISOR_POLL_S = 1.0

FIELD = re.compile(r'\b([a-z][a-z_]*)=(?:"([^"]*)"|(\S+))')


def set_up_logging(process: str, level: str) -> None:
    """Send log messages to the journal when its socket is our standard error, else to stderr."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(_journal_handler(process) or _terminal_handler(process))
    for noisy in ("alembic", "httpx", "pika", "uvicorn", "websockets"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _terminal_handler(process: str) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        logging.Formatter(f"%(asctime)s {process} %(levelname)s %(message)s", "%H:%M:%S")
    )
    return handler


def _journal_handler(process: str) -> logging.Handler | None:
    if not _is_journal(os.environ.get("JOURNAL_STREAM", "")):
        return None
    try:
        from systemd.journal import JournalHandler  # noqa: PLC0415 - Linux under systemd only
    except ImportError:
        return None
    handler: logging.Handler = JournalHandler(
        SYSLOG_IDENTIFIER=f"kiosk-{process}", KIOSK_PROCESS=process
    )
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.addFilter(_add_journal_fields)
    return handler


def _add_journal_fields(record: logging.LogRecord) -> bool:
    """Make each ``key=value`` of a message a field that `journalctl KIOSK_EVENT=...` finds."""
    for key, quoted, plain in FIELD.findall(record.getMessage()):
        setattr(record, f"KIOSK_{key.upper()}", quoted or plain)
    return True


def _is_journal(stream: str) -> bool:
    """Whether standard error is the journal's socket; children of a service inherit the variable.

    Args:
        stream: ``device:inode``, as systemd says it.
    """
    try:
        stat = os.fstat(2)
    except OSError:
        return False
    return stream == f"{stat.st_dev}:{stat.st_ino}"


def _notify(message: str) -> None:
    if "NOTIFY_SOCKET" not in os.environ:
        return
    try:
        from systemd import daemon  # noqa: PLC0415 - Linux under systemd only
    except ImportError:
        return
    try:
        daemon.notify(message)
    except OSError as bad:
        log.debug("event=not_notified reason=%s", bad)


class Heartbeat:
    """Tells the service manager that real work is being done.

    ``progress`` is called for each piece of work (a frame seen, a decision made, a round trip to
    the broker); the watchdog is fed from there and nowhere else, so a process that hangs, or that
    runs without getting anywhere, is restarted.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        watchdog_s = float(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
        self._every_s = watchdog_s / 4
        self._fed_at = float("-inf")
        self._status = ""
        self._ready = False

    def progress(self, status: str = "") -> None:
        """A piece of work was done; the first one makes the service ready."""
        if not self._ready:
            self._ready = True
            _notify("READY=1")
        now = self._monotonic()
        if status and status != self._status:
            self._status = status
            _notify(f"STATUS={status}")
        if self._every_s and now - self._fed_at >= self._every_s:
            self._fed_at = now
            _notify("WATCHDOG=1")

    def stopping(self) -> None:
        """The process was asked to stop and is doing so."""
        _notify("STOPPING=1")


def is_supervised() -> bool:
    """Whether systemd or `kiosk run` started us, and nobody at a terminal waits for our end."""
    return "NOTIFY_SOCKET" in os.environ or SUPERVISOR in os.environ


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM, SIGINT and a terminal's end set; a second signal ends us at once."""
    stop = threading.Event()

    def handle(number: int, _frame: Any) -> None:
        if stop.is_set():
            sys.exit(128 + number)
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        # Under nohup we are to outlive the terminal.
        signal.signal(signal.SIGHUP, handle)
    supervisor = os.environ.get(SUPERVISOR, "")
    if supervisor.isdigit():
        watch = threading.Thread(target=_outlive_nobody, args=(int(supervisor), stop), daemon=True)
        watch.start()
    return stop


def _outlive_nobody(supervisor: int, stop: threading.Event) -> None:
    """Stop when the process that started us was killed: nobody else would end us."""
    while os.getppid() == supervisor:
        if stop.wait(SUPERVISOR_POLL_S):
            return
    stop.set()
