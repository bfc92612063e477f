"""What the service manager hears."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kiosk.service import Heartbeat, set_up_logging, stop_on_signals
from tests.fakes import FakeClock
from tests.mosquitto import wait_for

pytest.importorskip("systemd.daemon")

ROOT = Path(__file__).parents[1]


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """A socket in the place of systemd's, and a way to read what arrived."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        def said() -> list[str]:
            found = []
            while True:
                try:
                    found.append(listener.recv(4096).decode())
                except BlockingIOError:
                    return found

        yield said


def test_ready_is_said_once_and_at_the_first_progress_only(manager):
    heart = Heartbeat(FakeClock().monotonic)
    assert manager() == []
    heart.progress()
    assert manager() == ["READY=1"]
    heart.progress()
    assert manager() == []


def test_the_status_is_said_when_it_changes(manager):
    heart = Heartbeat(FakeClock().monotonic)
    for status in ("one", "one", "", "two"):
        heart.progress(status)
    assert manager() == ["READY=1", "STATUS=one", "STATUS=two"]


def test_the_watchdog_is_fed_by_progress_and_by_nothing_else(manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    clock = FakeClock()
    heart = Heartbeat(clock.monotonic)
    clock.advance(100)
    assert manager() == []
    heart.progress()
    assert manager() == ["READY=1", "WATCHDOG=1"]
    clock.advance(4.9)
    heart.progress()
    assert manager() == [], "a quarter of the time is often enough"
    clock.advance(0.2)
    heart.progress()
    assert manager() == ["WATCHDOG=1"]
    clock.advance(1000)
    assert manager() == []


def test_without_a_watchdog_none_is_fed_and_the_stop_is_said(manager, monkeypatch):
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    heart = Heartbeat(FakeClock().monotonic)
    heart.progress()
    heart.stopping()
    assert manager() == ["READY=1", "STOPPING=1"]


@pytest.mark.parametrize("where", ["/nowhere/at/all", "", "x" * 300])
def test_a_manager_that_does_not_listen_costs_nothing(monkeypatch, where):
    monkeypatch.setenv("NOTIFY_SOCKET", where)
    heart = Heartbeat(FakeClock().monotonic)
    heart.progress("working")
    heart.stopping()


@pytest.fixture
def root_logger():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("stream", [None, "", "1:2", "garbage"])
def test_messages_go_to_the_terminal_when_it_is_no_journal(monkeypatch, root_logger, stream):
    if stream is None:
        monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    else:
        monkeypatch.setenv("JOURNAL_STREAM", stream)
    set_up_logging("director", "warning")
    set_up_logging("director", "warning")
    [handler] = root_logger.handlers
    assert type(handler) is logging.StreamHandler
    assert root_logger.level == logging.WARNING


def test_messages_go_to_the_journal_when_standard_error_is_its_socket(monkeypatch, root_logger):
    stat = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{stat.st_dev}:{stat.st_ino}")
    set_up_logging("director", "info")
    [handler] = root_logger.handlers
    assert type(handler).__name__ == "JournalHandler"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_asks_to_stop_and_a_second_one_insists(number):
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        stop = stop_on_signals()
        assert isinstance(stop, threading.Event)
        signal.raise_signal(number)
        assert stop.is_set()
        with pytest.raises(SystemExit) as insisted:
            signal.raise_signal(number)
        assert insisted.value.code == 128 + number
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def test_a_process_under_nohup_outlives_its_terminal(tmp_path):
    code = (
        "import pathlib, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
        "from kiosk.service import stop_on_signals; stop = stop_on_signals();"
        "pathlib.Path(sys.argv[1]).touch(); stop.wait(30)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "up")], cwd=ROOT)
    try:
        wait_for((tmp_path / "up").exists, "it runs")
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
    finally:
        process.terminate()
        process.wait(10)


def test_a_message_goes_to_the_journal_with_its_keys_as_fields(monkeypatch):
    error_stream = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{error_stream.st_dev}:{error_stream.st_ino}")
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    sent: list[dict[str, str]] = []
    try:
        set_up_logging("vision", "info")
        root.handlers[0].send = lambda _text, /, **fields: sent.append(fields)
        logging.getLogger("any").error(
            'event=camera_silent source=%s why="%s"', "video0", "no frame"
        )
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    (fields,) = sent
    assert fields["PRIORITY"] == "3"
    assert fields["KIOSK_PROCESS"] == "vision"
    assert fields["KIOSK_EVENT"] == "camera_silent"
    assert fields["KIOSK_SOURCE"] == "video0"
    assert fields["KIOSK_WHY"] == "no frame"
