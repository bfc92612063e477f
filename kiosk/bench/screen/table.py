"""The figures for a terminal."""

from __future__ import annotations

from typing import Any

ROWS = (
    ("plays", "plays", ""),
    ("black_frames", "black frames", ""),
    ("samples", "frames looked at", ""),
    ("missed", "plays not seen", ""),
    ("failed", "plays failed", ""),
    ("start_jitter_p50_ms", "start, median", " ms"),
    ("start_jitter_p95_ms", "start, p95", " ms"),
    ("start_jitter_max_ms", "start, worst", " ms"),
    ("memory_mb", "memory", " MB"),
    ("memory_growth_mb", "memory growth", " MB"),
    ("cpu_share", "processor, cores", ""),
)


def as_table(found: dict[str, Any]) -> str:
    """Our figures, and beside them those of a page that sets a source on one element."""
    baseline = found["baseline"] or {}
    lines = [
        f"{found['backend']} at {found['screen']}, plays of {found['duration_s']:g} s,"
        f" transition {found['transition_ms']} ms",
        f"{'':18}{'ours':>12}{'one element':>14}",
    ]
    for key, name, unit in ROWS:
        cells = [_cell(one.get(key), unit) for one in (found, baseline)]
        lines.append(f"{name:18}{cells[0]:>12}{cells[1]:>14}")
    return "\n".join(lines)


def _cell(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:,}{unit}"
