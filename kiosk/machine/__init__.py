"""Machine: what the computer itself says of its parts, one finding per thing.

Comes in: the kernel's own files below /sys and /proc, and the nodes in /dev. Goes out: findings,
each with what to do. Never changes anything, never takes long, and needs no library that does.
"""

from kiosk.machine.cameras import look_at_cameras
from kiosk.machine.clock import look_at_clock
from kiosk.machine.disk import look_at_disk
from kiosk.machine.display import look_at_display
from kiosk.machine.finding import Finding, SystemFiles
from kiosk.machine.heat import look_at_heat
from kiosk.machine.network import look_at_network
from kiosk.machine.process import process_start

__all__ = [
    "Finding",
    "SystemFiles",
    "look_at_cameras",
    "look_at_clock",
    "look_at_disk",
    "look_at_display",
    "look_at_heat",
    "look_at_network",
    "process_start",
]
