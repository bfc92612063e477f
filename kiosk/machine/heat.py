"""How hot the machine is, and whether a weak power supply slows it down."""

from __future__ import annotations

from pathlib import Path

from kiosk.machine.finding import Finding, SystemFiles, first_line

SENSORS = ("class/thermal/thermal_zone*/temp", "class/hwmon/hwmon*/temp*_input")
PLAUSIBLE_C = range(-40, 151)

THROTTLED = "devices/platform/soc/soc:firmware/get_throttled"
"""A Raspberry Pi's own word, a number in hexadecimal: the lower half is now, the upper half is
since the start."""

LOW_VOLTAGE, SLOWED = 0x1, 0x2 | 0x4 | 0x8
SINCE_START = 16

SUPPLY = "use the power supply that was made for the board, and a short cable"


def look_at_heat(hot_c: float, files: SystemFiles) -> Finding:
    """Temperature and throttling, where the machine tells them.

    Args:
        hot_c: from where on vision does least.
        files: of the kernel.
    """
    sensors = [one for pattern in SENSORS for one in files.sys.glob(pattern)]
    hottest_c = max((one for one in map(_celsius, sensors) if one is not None), default=None)
    told = "no sensor here" if hottest_c is None else f"{hottest_c} °C"
    said = _throttled(files)
    if said & LOW_VOLTAGE or _undervoltage(files):
        return Finding("temperature", "warn", f"{told}; the voltage is too low now", SUPPLY)
    if hottest_c is not None and hottest_c >= hot_c:
        return Finding(
            "temperature",
            "warn",
            f"{told}: vision looks at fewer frames",
            "give it air, or a heat sink; see vision.pace",
        )
    if said & SLOWED:
        return Finding(
            "temperature", "warn", f"{told}; the processor is slowed down now", "give it air"
        )
    if (said >> SINCE_START) & LOW_VOLTAGE:
        return Finding(
            "temperature", "warn", f"{told}; the voltage was too low since the start", SUPPLY
        )
    return Finding("temperature", "ok", told)


def _throttled(files: SystemFiles) -> int:
    try:
        return int(first_line(files.sys / THROTTLED), 16)
    except ValueError:
        return 0


def _undervoltage(files: SystemFiles) -> bool:
    alarms = files.sys.glob("class/hwmon/hwmon*/in0_lcrit_alarm")
    return any(
        first_line(alarm) == "1" and first_line(alarm.parent / "name") == "rpi_volt"
        for alarm in alarms
    )


def _celsius(sensor: Path) -> int | None:
    try:
        value = round(int(first_line(sensor)) / 1000)
    except ValueError:
        return None
    return value if value in PLAUSIBLE_C else None
