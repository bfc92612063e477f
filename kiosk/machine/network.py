"""The way to head office, as far as this machine knows it."""

from __future__ import annotations

import ipaddress
import socket
import threading

from kiosk.machine.finding import Finding, SystemFiles

RESOLVE_S = 3.0

NOTHING_LOST = "nothing is lost: adverts play, and what is counted is kept and sent later"

UP = 0x1
REJECT = 0x200
"""Of a route: in use (RTF_UP); it leads nowhere (RTF_REJECT)."""


def look_at_network(host: str, files: SystemFiles) -> Finding:
    """Whether this machine has a way out and knows the broker's name.

    Args:
        host: name or address of the broker.
        files: of the kernel.
    """
    if _is_here(host):
        return Finding("network", "ok", "not needed: the broker is on this machine")
    if not (_has_route_4(files) or _has_route_6(files)):
        return Finding(
            "network",
            "warn",
            "this machine has no default route: it is in no network, or got no address",
            f"check cable or Wi-Fi; {NOTHING_LOST}",
        )
    if not _resolves(host):
        return Finding(
            "network",
            "warn",
            f"{host}: no address was found for this name in {RESOLVE_S:g} s",
            f"check broker.host and the name service; {NOTHING_LOST}",
        )
    return Finding("network", "ok", f"there is a way out, and {host} has an address")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _has_route_4(files: SystemFiles) -> bool:
    # Interface, destination, gateway, flags, three counts, mask, in hexadecimal.
    for line in _lines(files, "net/route")[1:]:
        fields = line.split()
        if len(fields) > 7 and int(fields[1], 16) == int(fields[7], 16) == 0:
            flags = int(fields[3], 16)
            if flags & UP and not flags & REJECT:
                return True
    return False


def _has_route_6(files: SystemFiles) -> bool:
    # Destination, length, source, length, next hop, three counts, flags, interface.
    for line in _lines(files, "net/ipv6_route"):
        fields = line.split()
        if len(fields) > 9 and int(fields[0], 16) == int(fields[1], 16) == 0:
            flags = int(fields[8], 16)
            if flags & UP and not flags & REJECT and fields[9] != "lo":
                return True
    return False


def _lines(files: SystemFiles, name: str) -> list[str]:
    try:
        return (files.proc / name).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []


def _resolves(host: str) -> bool:
    """In a thread that may be left behind: a name service that is away answers after long."""
    found: list[object] = []

    def ask() -> None:
        try:
            found.extend(socket.getaddrinfo(host, None))
        except (OSError, UnicodeError):
            return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(RESOLVE_S)
    return bool(found)
