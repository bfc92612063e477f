"""A program of its own: reads counts on standard input, writes them with noise, ends.

It is run by its path, so that it loads OpenDP and nothing of kiosk; see kiosk.audience.noise, which
runs it and states what goes in and out.
"""

from __future__ import annotations

import json
import sys
from typing import Any

# Not opendp.prelude, which brings data frames with it: seconds and four times the memory.
from opendp.domains import atom_domain, vector_domain
from opendp.measurements import make_laplace
from opendp.metrics import l1_distance
from opendp.mod import enable_features


def main() -> None:
    """Draw the noise of every table that is asked for."""
    enable_features("contrib")
    asked = json.load(sys.stdin)
    json.dump({name: _noised(**table) for name, table in asked.items()}, sys.stdout)


def _noised(values: list[int], sensitivity: int, scale: float) -> dict[str, Any]:
    # On integers it draws exactly, with no floating point to leak by (Canonne, Kamath and Steinke,
    # "The Discrete Gaussian for Differential Privacy", 2020), and saturates at 64 bits.
    measurement = make_laplace(
        vector_domain(atom_domain(T="i64")), l1_distance(T="i64"), scale=scale
    )
    return {"values": measurement(values), "epsilon": measurement.map(sensitivity)}


if __name__ == "__main__":
    main()
