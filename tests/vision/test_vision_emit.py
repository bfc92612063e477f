"""Records to a director that stalls, goes and comes back."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from kiosk.vision import SocketEmitter


class Director:
    """The listening end; it reads only when it is asked to."""

    def __init__(self, path: Path, backlog: int = 4) -> None:
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(backlog)
        self.link: socket.socket | None = None

    def accept(self) -> None:
        self._listener.settimeout(2)
        self.link, _ = self._listener.accept()

    def read(self) -> bytes:
        """Everything that is there now."""
        assert self.link is not None
        self.link.setblocking(False)
        data = b""
        try:
            while part := self.link.recv(1 << 16):
                data += part
        except BlockingIOError:
            pass
        return data

    def close(self) -> None:
        for end in (self.link, self._listener):
            if end is not None:
                end.close()
        self._path.unlink()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audience.sock"


def test_lines_arrive_in_order(path: Path, clock: Clock) -> None:
    director, emitter = Director(path), SocketEmitter(path, clock)
    for number in range(3):
        emitter(b"%d\n" % number)
    director.accept()
    assert director.read() == b"0\n1\n2\n"
    assert emitter.dropped == 0


def test_a_stalled_director_never_blocks_and_gets_whole_lines_only(
    path: Path, clock: Clock
) -> None:
    director, emitter = Director(path), SocketEmitter(path, clock)
    emitter(b"begin\n")
    director.accept()
    lines = [b"%06d" % number + b"x" * 3000 + b"\n" for number in range(2000)]
    begun = time.monotonic()
    received = b""
    for number, line in enumerate(lines):
        emitter(line)
        if number % 700 == 699:
            received += director.read()
    assert time.monotonic() - begun < 2
    assert emitter.dropped > 0
    received += director.read()
    emitter(b"end\n")
    received += director.read()
    emitter(b"end\n")
    received += director.read()
    first, *middle, last = received.split(b"\n")[:-1]
    assert (first, last) == (b"begin", b"end")
    middle = [line + b"\n" for line in middle if line != b"end"]
    assert set(middle) <= set(lines), "every line is whole"
    assert middle == sorted(middle), "and in order"
    assert len(middle) + emitter.dropped >= len(lines)


def test_without_a_director_records_are_dropped_at_once(path: Path, clock: Clock) -> None:
    emitter = SocketEmitter(path, clock)
    for _ in range(100):
        emitter(b"line\n")
    assert emitter.dropped == 100


def test_a_director_that_comes_back_is_found_again(path: Path, clock: Clock) -> None:
    director, emitter = Director(path), SocketEmitter(path, clock)
    emitter(b"one\n")
    director.accept()
    assert director.read() == b"one\n"
    director.close()
    emitter(b"lost\n")
    emitter(b"lost\n")
    director = Director(path)
    emitter(b"too soon\n")
    clock.now += 1
    emitter(b"two\n")
    director.accept()
    assert director.read() == b"two\n"
    assert emitter.dropped == 3


def test_the_half_of_a_line_is_not_sent_to_the_next_director(path: Path, clock: Clock) -> None:
    director, emitter = Director(path), SocketEmitter(path, clock)
    for _ in range(50):
        emitter(b"y" * 50_000 + b"\n")
    director.accept()
    director.close()
    emitter(b"lost\n")
    director = Director(path)
    clock.now += 1
    emitter(b"whole\n")
    director.accept()
    assert director.read() == b"whole\n"


@pytest.mark.timeout(20)
def test_a_director_that_hangs_with_a_full_queue_of_callers_does_not_block(
    path: Path, clock: Clock
) -> None:
    _director = Director(path, backlog=0)
    emitters = [SocketEmitter(path, clock) for _ in range(5)]
    begun = time.monotonic()
    for emitter in emitters:
        emitter(b"line\n")
    assert time.monotonic() - begun < 1
    assert emitters[-1].dropped == 1


def test_a_director_is_reached_without_a_word_and_again_when_it_comes_back(
    path: Path, clock: Clock
) -> None:
    emitter = SocketEmitter(path, clock)
    emitter.reach()
    director = Director(path)
    clock.now += 1
    for _ in range(3):
        emitter.reach()
    director.accept()
    assert director.read() == b""
    director.close()
    emitter.reach()
    director = Director(path)
    clock.now += 1
    emitter.reach()
    emitter(b"one\n")
    director.accept()
    assert director.read() == b"one\n"
    assert emitter.dropped == 0
