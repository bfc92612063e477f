"""Calls to channels: where every byte went, and what is an offence already by its kind."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.tap.trace import Call

STREAM_WRITES = {"write", "writev", "sendto", "sendmsg"}
PLACED_WRITES = {"pwrite64", "pwritev"}
OPENS = {"open", "openat", "openat2", "creat"}
FOLDERS = {"mkdir", "mkdirat"}
CHILDREN = {"clone", "clone3", "fork", "vfork"}
STARTS = {"execve", "execveat"}

STATE_SUFFIXES = ("", "-wal", "-shm", "-journal")
"""What SQLite writes."""

EMPTY_SUFFIXES = (".lock", ".director")
"""Locks: made, never written."""

NOISE_CHILD = b"/kiosk/audience/laplace.py"
"""The one program that is run beside our processes; it answers by a pipe."""

HARMLESS_DEVICES = ("/dev/null", "/dev/tty")

PORT = re.compile(r"sin6?_port=htons\((\d+)\)")
UNIX_PATH = re.compile(r'sun_path=(@?)"((?:\\x[0-9a-f]{2})*)"')
TCP = re.compile(r"^TCP(?:v6)?:\[(.+):(\d+)->(.+):(\d+)\]$")
OFFSET = re.compile(r", (\d+)$")


@dataclass(frozen=True)
class Places:
    """Where the appliance under the tap is allowed to write."""

    folder: Path
    page_port: int
    broker_port: int

    @property
    def state(self) -> str:
        return str(self.folder / "state.db")

    @property
    def audience(self) -> str:
        return str(self.folder / "audience.sock")

    @property
    def notify(self) -> str:
        return str(self.folder / "notify.sock")

    def log(self, process: str) -> str:
        """What stands for the journal."""
        return str(self.folder / f"{process}.log")


@dataclass(frozen=True)
class Written:
    """Bytes that one process gave away.

    Attributes:
        channel: ``audience``, ``log``, ``notify``, ``wake``, ``broker``, ``page``, ``state`` or
            ``noise``.
        key: which of the channel's streams, such as a client's port or a file.
        offset: where in a file.
    """

    process: str
    channel: str
    key: str
    data: bytes
    time_s: float
    offset: int = 0


MAY_WRITE = {
    "vision": {"audience", "log", "notify", "wake"},
    "director": {"log", "notify", "wake", "page", "state", "noise"},
    "uplink": {"log", "notify", "wake", "broker", "state"},
}
"""The whole table: which process has which channels."""


class Ledger:
    """Books every call; what belongs nowhere is an offence."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._peers: dict[tuple[str, str], str] = {}
        self._started: set[str] = set()
        self._told: set[tuple[str, str, str, str]] = set()
        self.written: list[Written] = []
        self.offences: list[str] = []

    def book(self, calls: Iterable[Call]) -> None:
        """Enter calls, in the order in which they were made."""
        for call in calls:
            if call.cut:
                self._accuse(call, "a string is longer than the tap shows")
            if call.result < 0 and not (call.name == "connect" and "EINPROGRESS" in call.arguments):
                self._failed(call)
            else:
                self._succeeded(call)

    def of(self, channel: str) -> list[Written]:
        """Everything on one channel."""
        return [one for one in self.written if one.channel == channel]

    def _accuse(self, call: Call, why: str) -> None:
        told = (call.process, call.name, call.descriptor, why)
        if told in self._told:
            # One sentence for one kind of offence, and no more of a face than its beginning.
            return
        self._told.add(told)
        shown = ", ".join(repr(one[:24]) for one in call.strings[:2])
        self.offences.append(f"{call.process}: {call.name}({call.descriptor} {shown}): {why}")

    def _failed(self, call: Call) -> None:
        # A connection that is still being made is a failure to strace.
        if call.name == "connect":
            self._connected(call)

    def _succeeded(self, call: Call) -> None:
        if call.name in STREAM_WRITES:
            self._stream(call)
        elif call.name in PLACED_WRITES:
            self._placed(call)
        elif call.name in OPENS:
            self._opened(call)
        elif call.name == "mmap":
            self._mapped(call)
        elif call.name == "connect":
            self._connected(call)
        elif call.name == "bind":
            self._bound(call)
        elif call.name in STARTS:
            self._ran(call)
        elif call.name in CHILDREN:
            # A thread shares our memory and is traced too; so is a process that forks from ours.
            pass
        elif call.name in FOLDERS:
            self._accuse(call, "it makes a folder, and a name can carry bytes")
        else:
            self._accuse(call, "no process of ours has a use for this call")

    def _enter(self, call: Call, channel: str, key: str, data: bytes, offset: int = 0) -> None:
        if channel not in MAY_WRITE[call.process]:
            self._accuse(call, f"this process has no channel {channel!r}")
        self.written.append(Written(call.process, channel, key, data, call.time_s, offset))

    def _stream(self, call: Call) -> None:
        channel, key = self._destination(call)
        strings = [one for one in call.strings if one]
        if call.name == "sendmsg":
            named = UNIX_PATH.search(call.arguments)
            if named is not None:
                channel, key = self._unix(_path(named)), call.descriptor
                strings = strings[1:]
            if "SCM_RIGHTS" in call.arguments:
                self._accuse(call, "it gives a descriptor away")
        # Only what was accepted has left; the rest is given once more.
        self._enter(call, channel, key, b"".join(strings)[: call.result])

    def _destination(self, call: Call) -> tuple[str, str]:
        label = call.descriptor
        peer = self._peers.get((call.process, _inode(label)))
        if peer is not None:
            return peer, label
        if label == self._places.log(call.process):
            return "log", call.process
        tcp = TCP.match(label)
        if tcp is not None:
            return self._tcp(call.process, tcp), tcp[4]
        if label.startswith("pipe:"):
            return "noise", label
        if label.startswith(("UNIX-STREAM:", "anon_inode:[eventfd]")):
            # Both ends are ours, as nobody connected or was accepted with a name.
            return "wake", label
        state = self._state_file(label)
        return ("state", state) if state is not None else ("nowhere", label)

    def _tcp(self, process: str, label: re.Match[str]) -> str:
        loopback = {label[1], label[3]} <= {"127.0.0.1", "[::1]"}
        if loopback and process == "director" and int(label[2]) == self._places.page_port:
            return "page"
        if loopback and process == "uplink" and int(label[4]) == self._places.broker_port:
            return "broker"
        # A library's wake-up call goes over loopback to itself; its checker takes single bytes.
        return "wake" if loopback else "nowhere"

    def _state_file(self, path: str) -> str | None:
        for suffix in STATE_SUFFIXES:
            if path == self._places.state + suffix:
                return suffix
        return None

    def _placed(self, call: Call) -> None:
        suffix = self._state_file(call.descriptor)
        where = OFFSET.search(call.arguments)
        if suffix is None or where is None:
            self._accuse(call, "it writes to a file that is not the state")
            return
        self._enter(call, "state", suffix, b"".join(call.strings), int(where[1]))

    def _opened(self, call: Call) -> None:
        if not re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE", call.arguments):
            return
        path = call.strings[0].decode(errors="replace")
        allowed = [self._places.state + end for end in (*STATE_SUFFIXES, *EMPTY_SUFFIXES)]
        its_own = call.process != "vision" and path in allowed
        if not its_own and path not in HARMLESS_DEVICES:
            self._accuse(call, "it opens a file for writing")

    def _mapped(self, call: Call) -> None:
        if "MAP_SHARED" not in call.arguments or "PROT_WRITE" not in call.arguments:
            return
        # SQLite's index of the log: numbers of pages. Other memory that is shared is nobody's.
        if call.process == "vision" or call.descriptor != self._places.state + "-shm":
            self._accuse(call, "it shares memory that it can write")

    def _connected(self, call: Call) -> None:
        label = _inode(call.descriptor)
        named, port = UNIX_PATH.search(call.arguments), PORT.search(call.arguments)
        if named is not None:
            self._peers[call.process, label] = self._unix(_path(named))
        elif port is not None and int(port[1]) == self._places.broker_port:
            self._peers[call.process, label] = "broker"
        elif port is not None and (b"127.0.0.1" in call.strings or b"::1" in call.strings):
            self._peers[call.process, label] = "wake"
        else:
            self._accuse(call, "it calls somebody unknown")

    def _unix(self, path: str) -> str:
        known = {self._places.audience: "audience", self._places.notify: "notify"}
        return known.get(path, "nowhere")

    def _bound(self, call: Call) -> None:
        named, port = UNIX_PATH.search(call.arguments), PORT.search(call.arguments)
        listens = call.process == "director" and (
            (named is not None and _path(named) == self._places.audience)
            or (port is not None and int(port[1]) == self._places.page_port)
        )
        # Port 0 is what a caller takes, or a library that talks to itself.
        if not listens and not (port is not None and port[1] == "0" and call.process == "uplink"):
            self._accuse(call, "it listens")

    def _ran(self, call: Call) -> None:
        noise = call.process == "director" and call.strings[-1].endswith(NOISE_CHILD)
        if call.process in self._started and not noise:
            self._accuse(call, "it runs another program")
        self._started.add(call.process)


def _path(found: re.Match[str]) -> str:
    path = re.sub(r"\\x([0-9a-f]{2})", lambda byte: chr(int(byte[1], 16)), found[2])
    return found[1] + path


def _inode(label: str) -> str:
    """One socket, however strace names it before and after it is connected."""
    found = re.match(r"^(UNIX-\w+:\[\d+)", label)
    return found[1] if found else label
