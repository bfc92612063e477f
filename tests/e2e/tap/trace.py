"""strace's lines to calls: who called what, with which descriptors and bytes, and what came of it.

strace prints every string in hexadecimal and whole, so a line is pure ASCII and has no surprises:
quotes inside of quotes do not exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

CARRIERS = (
    # What carries bytes.
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "pwritev2",
    "sendto",
    "sendmsg",
    "sendmmsg",
    # What moves bytes without showing them: no process of ours has a use for it.
    "sendfile",
    "splice",
    "tee",
    "vmsplice",
    "copy_file_range",
    "process_vm_writev",
    "ptrace",
    "io_uring_setup",
    "io_setup",
    "shmget",
    "shmat",
    "mq_open",
    "mq_timedsend",
    "msgget",
    "msgsnd",
    "memfd_create",
    "add_key",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "symlink",
    "symlinkat",
    "link",
    "linkat",
    "mknod",
    "mknodat",
    "mount",
    "pidfd_getfd",
    # What says where bytes can go.
    "open",
    "openat",
    "openat2",
    "creat",
    "mmap",
    "rename",
    "renameat",
    "renameat2",
    "mkdir",
    "mkdirat",
    "connect",
    "bind",
    "execve",
    "execveat",
    "clone",
    "fork",
    "vfork",
    "clone3",
)
LIMIT = 8 << 20
"""Bytes of the longest string that is printed; a longer one is an offence of its own."""

STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
DESCRIPTOR = re.compile(r"(?:^|[ (\[=])(-?\d+|AT_FDCWD)<((?:->|[^<>])*)>")
LINE = re.compile(r"^(\d+) +(\d+\.\d+) (.*)$")
BEGUN = re.compile(r"^(\w+)\((.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
WHOLE = re.compile(r"^(\w+)\((.*)\) += +(-?\d+|0x[0-9a-f]+|\?)(.*)$")


@dataclass(frozen=True)
class Call:
    """One system call.

    Attributes:
        process: which of ours.
        time_s: when it began.
        arguments: as strace prints them.
        result: what it returned; negative: it failed.
    """

    process: str
    thread: int
    time_s: float
    name: str
    arguments: str
    result: int

    @cached_property
    def strings(self) -> list[bytes]:
        """Every string among the arguments."""
        return [unhex(found[1]) for found in STRING.finditer(self.arguments)]

    @property
    def cut(self) -> bool:
        """A string was longer than the tap shows."""
        return any(found[2] for found in STRING.finditer(self.arguments))

    @cached_property
    def descriptor(self) -> str:
        """What the first descriptor is: a path, or an address such as ``TCP:[a->b]``."""
        found = DESCRIPTOR.search(" " + self.arguments)
        return unhex(found[2]).decode(errors="replace") if found else ""


def unhex(text: str) -> bytes:
    """Undo strace's hexadecimal; what is not hexadecimal stays."""
    if text.count("\\x") * 4 == len(text):
        return bytes.fromhex(text.replace("\\x", ""))
    parts = re.split(r"\\x([0-9a-f]{2})", text)
    return b"".join(
        bytes([int(part, 16)]) if index % 2 else part.encode() for index, part in enumerate(parts)
    )


def calls(process: str, lines: Iterable[str]) -> Iterator[Call]:
    """The calls of one process, in the order of their beginning as far as they are whole.

    Raises:
        ValueError: a line is not understood, so something could have passed unseen.
    """
    begun: dict[tuple[int, str], tuple[float, str]] = {}
    for line in lines:
        found = LINE.match(line)
        if found is None:
            raise ValueError(f"not a line of strace: {line[:200]}")
        thread, time_s, rest = int(found[1]), float(found[2]), found[3]
        if rest.startswith(("+++", "---")):
            continue
        if half := BEGUN.match(rest):
            begun[thread, half[1]] = (time_s, half[2])
            continue
        if half := RESUMED.match(rest):
            time_s, first = begun.pop((thread, half[1]))
            rest = f"{half[1]}({first}{half[2]}"
        whole = WHOLE.match(rest)
        if whole is None:
            raise ValueError(f"not a call: {rest[:200]}")
        # A thread that is ended within a call has no result; what it gave may have left.
        result = 2**62 if whole[3] == "?" else int(whole[3], 0)
        yield Call(process, thread, time_s, whole[1], whole[2], result)
    for (thread, name), (time_s, first) in begun.items():
        yield Call(process, thread, time_s, name, first, 2**62)
