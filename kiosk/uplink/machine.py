"""What the machine says of itself: room on the disk, and how hot it is."""

from __future__ import annotations

import shutil
from pathlib import Path

SENSORS = ("class/thermal/thermal_zone*/temp", "class/hwmon/hwmon*/temp*_input")
"""Below /sys: the kernel's temperatures, in thousandths of a degree Celsius. Which of the two a
board has, its drivers decide (Linux: Documentation/driver-api/thermal, hwmon/sysfs-interface)."""

PLAUSIBLE_C = range(-40, 151)
"""A sensor that is not there reads as -273 or as some hundred degrees."""


def disk_free_mb(path: Path) -> int | None:
    """Free megabytes on the disk of a file; ``None`` when nobody can tell."""
    try:
        return shutil.disk_usage(path.parent).free // 2**20
    except OSError:
        return None


def temperature_c(sys: Path = Path("/sys")) -> int | None:
    """Temperature of the hottest part in degrees Celsius; ``None`` without a sensor."""
    found = [_celsius(sensor) for pattern in SENSORS for sensor in sys.glob(pattern)]
    return max((one for one in found if one is not None), default=None)


def _celsius(sensor: Path) -> int | None:
    try:
        value = round(int(sensor.read_text(encoding="ascii")) / 1000)
    except (OSError, ValueError):
        return None
    return value if value in PLAUSIBLE_C else None
