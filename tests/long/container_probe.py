"""Tries what a process of ours must not be able to do; runs inside the machine, alone.

    python3 container_probe.py '{"broker": "192.0.2.10", ...}'

Prints one line of JSON: by name of the attempt ``null`` when it succeeded, or why it did not. It
needs nothing but Python, so that nothing but the unit decides what it can do.
"""

# ruff: noqa: PTH108, PTH110, PTH118, PTH123, PTH208 - plain calls, each of which is an attempt

import ctypes
import errno
import json
import mmap
import os
import resource
import signal
import socket
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
PATIENCE_S = 2.0
PICTURE = b"\xff\xd8\xff" + bytes(20_000)
"""More than the 16 KB that a library may scribble."""

PTRACE_ATTACH, PTRACE_DETACH = 16, 17
IO_URING_SETUP, MEMFD_CREATE, PIDFD_OPEN, PIDFD_GETFD, ADD_KEY = 425, 319, 434, 438, 248
THREAD_KEYRING = -1


def failed_call(result, what):
    """Raise what a call of the C library says."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def tcp(host, port, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as caller:
        caller.settimeout(PATIENCE_S)
        caller.connect((host, port))


def udp(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"picture", (host, port))


def name_service(server):
    """Ask for an address, as every resolver does, and wait for the answer."""
    labels = b"".join(bytes([len(part)]) + part for part in (b"head-office", b"test"))
    question = struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(PATIENCE_S)
        asker.sendto(question, (server, 53))
        asker.recv(512)


def unix(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(PATIENCE_S)
        caller.connect(path)


def netlink():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as routes:
        routes.bind((0, 0))


def packet():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()


def listen_tcp():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()


def io_uring():
    """Its requests are no system calls, so a filter of calls would not see them."""
    parameters = ctypes.create_string_buffer(120)
    os.close(failed_call(LIBC.syscall(IO_URING_SETUP, 4, parameters), "io_uring_setup"))


def keyring():
    """A key can outlive the process that left it."""
    arguments = (b"user", b"kiosk-probe", b"picture", 7, THREAD_KEYRING)
    failed_call(LIBC.syscall(ADD_KEY, *arguments), "add_key")


def write(folder):
    path = os.path.join(folder, f"probe-{os.getpid()}")
    try:
        with open(path, "wb", buffering=0) as file:
            left = memoryview(PICTURE)
            while left:
                left = left[file.write(left) :]
    finally:
        if os.path.exists(path):
            os.unlink(path)


def write_small(folder):
    with open(os.path.join(folder, "probe-small"), "wb") as file:
        file.write(b"x" * 1000)


def many_files(folder):
    made = []
    try:
        for number in range(16):
            path = os.path.join(folder, f"probe-many-{number}")
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
            made.append(path)
    finally:
        for path in made:
            os.unlink(path)


def read(path):
    with open(path, "rb") as file:
        file.read(16)


def memory_file():
    descriptor = failed_call(LIBC.syscall(MEMFD_CREATE, b"probe", 0), "memfd_create")
    os.write(descriptor, PICTURE)
    os.close(descriptor)


def core_dump(folder):
    """Crash a child; the kernel says whether it left an image of its memory."""
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        os.kill(os.getpid(), signal.SIGSEGV)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    if not os.WCOREDUMP(status):
        raise OSError(errno.ENOENT, "it left no core", folder)
    for name in os.listdir(folder):
        if name.startswith("core"):
            os.unlink(os.path.join(folder, name))


def more_core():
    """Raise one's own limit first, as a clever fault would."""
    resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20))


def core_filter():
    with open("/proc/self/coredump_filter") as file:
        if int(file.read(), 16) == 0:
            raise OSError(errno.ENODATA, "no kind of memory is in a core", "coredump_filter")


def read_memory(pid):
    with open(f"/proc/{pid}/maps") as maps:
        start = next(int(line.split("-")[0], 16) for line in maps if "[heap]" in line)
    descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        os.pread(descriptor, 16, start)
    finally:
        os.close(descriptor)


def trace(pid):
    failed_call(LIBC.ptrace(PTRACE_ATTACH, pid, 0, 0), "ptrace")
    os.waitpid(pid, 0x40000000)
    failed_call(LIBC.ptrace(PTRACE_DETACH, pid, 0, 0), "ptrace")


def read_other(pid):
    """process_vm_readv on an address that cannot be: allowed callers are told EFAULT."""
    buffer = ctypes.create_string_buffer(16)
    here = struct.pack("PP", ctypes.addressof(buffer), 16)
    there = struct.pack("PP", 4096, 16)
    try:
        failed_call(LIBC.process_vm_readv(pid, here, 1, there, 1, 0), "process_vm_readv")
    except OSError as bad:
        if bad.errno != errno.EFAULT:
            raise


def take_descriptor(pid):
    """Copy an open descriptor of another process."""
    handle = failed_call(LIBC.syscall(PIDFD_OPEN, pid, 0), "pidfd_open")
    os.close(failed_call(LIBC.syscall(PIDFD_GETFD, handle, 0, 0), "pidfd_getfd"))


def end(pid):
    os.kill(pid, 0)


def writable_code():
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def namespace():
    """A namespace of one's own, with a network of one's own."""
    child = os.fork()
    if child == 0:
        os._exit(0 if LIBC.unshare(0x10000000 | 0x40000000) == 0 else ctypes.get_errno() or 1)
    _, status = os.waitpid(child, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise OSError(code, os.strerror(code), "unshare")


def attempts(told):
    """Every attempt, by name."""
    broker, page, open_folders = told["broker"], told["page"], told["folders"]
    found = {
        "TCP to the broker": lambda: tcp(broker, 1883),
        "TCP to loopback": lambda: tcp("127.0.0.1", 1883),
        "TCP to loopback (IPv6)": lambda: tcp("::1", 1883, socket.AF_INET6),
        "TCP to the page": lambda: tcp("127.0.0.1", page),
        "TCP to the page by 0.0.0.0": lambda: tcp("0.0.0.0", page),
        "UDP to the broker": lambda: udp(broker, 9),
        "UDP to loopback": lambda: udp("127.0.0.1", 9),
        "DNS": lambda: name_service(broker),
        "TCP listener": listen_tcp,
        "abstract socket": lambda: unix("\0kiosk-probe"),
        "audience socket": lambda: unix("/run/kiosk/audience.sock"),
        "D-Bus": lambda: unix("/run/dbus/system_bus_socket"),
        "socket in /var/spool": lambda: unix("/var/spool/kiosk-probe/socket"),
        "AF_NETLINK": netlink,
        "AF_PACKET": packet,
        "io_uring": io_uring,
        "kernel keyring": keyring,
        "new namespace": namespace,
        "memfd": memory_file,
        "small file in /tmp": lambda: write_small("/tmp"),
        "many files in /tmp": lambda: many_files("/tmp"),
        "core dump": lambda: core_dump("/tmp"),
        "core limit": more_core,
        "core filter": core_filter,
        "writable code": writable_code,
        "camera": lambda: read("/dev/video0"),
        "state.db": lambda: read("/var/lib/kiosk/state.db"),
    }
    found |= {f"file in {folder}": lambda folder=folder: write(folder) for folder in open_folders}
    if "pid" in told:
        pid = told["pid"]
        found |= {
            "/proc/PID/mem": lambda: read_memory(pid),
            "ptrace": lambda: trace(pid),
            "process_vm_readv": lambda: read_other(pid),
            "pidfd_getfd": lambda: take_descriptor(pid),
            "signal": lambda: end(pid),
        }
    return found


def outcome(attempt):
    try:
        attempt()
    except (OSError, ValueError, StopIteration) as bad:
        return f"{type(bad).__name__}: {bad}"[:200]
    return None


if __name__ == "__main__":
    tried = attempts(json.loads(sys.argv[1]))
    print(json.dumps({name: outcome(each) for name, each in tried.items()}))
