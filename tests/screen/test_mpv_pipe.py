"""What is asked of mpv has an answer in time, or an end."""

from __future__ import annotations

import json
import queue
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from kiosk.screen.mpv.pipe import Pipe, PipeError, RefusedError


class Peer:
    """The other end of the socket, which says what the test tells it to."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "mpv.sock"
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(self.path))
        self._server.listen()
        self.heard: queue.Queue[dict] = queue.Queue()
        self.events: queue.Queue[dict] = queue.Queue()
        self.pipe = Pipe(self.path, self.events.put)
        self._peer, _ = self._server.accept()
        self._lines = self._peer.makefile("r")

    def answers(self, *lines: object) -> None:
        """After the next command: these lines, `ID` being its number."""

        def answer() -> None:
            said = json.loads(self._lines.readline())
            self.heard.put(said)
            for line in lines:
                text = line if isinstance(line, str) else json.dumps(line)
                text = text.replace('"ID"', str(said["request_id"]))
                with suppress(OSError):
                    self._peer.sendall(text.encode() + b"\n")

        threading.Thread(target=answer, daemon=True).start()

    def close(self) -> None:
        self._peer.shutdown(socket.SHUT_RDWR)
        self._peer.close()
        self._server.close()


@pytest.fixture
def peer():
    with tempfile.TemporaryDirectory(prefix="kiosk-") as folder:
        one = Peer(Path(folder))
        yield one
        one.close()
        one.pipe.close()


def test_an_answer_is_found_among_events_and_answers_of_before(peer):
    peer.answers(
        {"event": "start-file", "playlist_entry_id": 7},
        {"request_id": 0, "error": "success", "data": "somebody else's"},
        {"request_id": "ID", "error": "success", "data": 42},
    )
    assert peer.pipe.ask("get_property", "time-pos") == 42
    assert peer.heard.get(timeout=1)["command"] == ["get_property", "time-pos"]
    assert peer.events.get(timeout=1)["playlist_entry_id"] == 7


def test_arguments_can_have_names(peer):
    peer.answers({"request_id": "ID", "error": "success"})
    peer.pipe.ask("osd-overlay", named={"id": 1, "data": "\u00e9"})
    assert peer.heard.get(timeout=1)["command"] == {
        "name": "osd-overlay",
        "id": 1,
        "data": "\u00e9",
    }


def test_a_refusal_names_the_command(peer):
    peer.answers({"request_id": "ID", "error": "property unavailable"})
    with pytest.raises(RefusedError, match="get_property: property unavailable"):
        peer.pipe.ask("get_property", "x")


def test_silence_is_an_error_after_the_deadline(peer):
    with pytest.raises(PipeError, match="mpv does not answer get_property"):
        peer.pipe.ask("get_property", "x", within_s=0.05)
    peer.answers({"request_id": 1, "error": "success", "data": "late"})
    with pytest.raises(PipeError):
        peer.pipe.ask("get_property", "y", within_s=0.1)


@pytest.mark.parametrize("line", ["no JSON", "[1]", "x" * (1 << 21)])
def test_what_is_no_answer_ends_it(peer, line):
    peer.answers(line)
    with pytest.raises(PipeError):
        peer.pipe.ask("get_property", "x", within_s=0.3)
    assert peer.events.get(timeout=1) == {"event": "closed"}


def test_an_end_is_told(peer):
    peer.close()
    assert peer.events.get(timeout=1) == {"event": "closed"}
    with pytest.raises(PipeError):
        peer.pipe.ask("get_property", "x", within_s=0.3)
