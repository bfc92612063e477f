"""Noise on an hour's cells, drawn by OpenDP in a short-lived child process.

Comes in: cells by table, and the budget. Goes out: the same cells with discrete Laplace noise, or
an error; never anything in between. The director lives for months and stays without OpenDP's 300 MB
library; the child lives for half a second an hour.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kiosk.audience.budget import TableBudget
from kiosk.errors import NoiseError
from kiosk.wire import TableName

CHILD = (sys.executable, "-I", "-B", str(Path(__file__).with_name("laplace.py")))
"""-I: neither the environment nor the working folder can put another library in OpenDP's place."""

TIMEOUT_S = 15.0
"""Far longer than a small board with a slow card takes to load the library."""

LARGEST = 2**63 - 1
"""The largest count that a payload holds; the smallest is the same below zero."""

TOLERANCE = 1e-6
"""How far, relatively, the epsilon that OpenDP certifies may be from what was planned."""

HINT = (
    "nothing was published and the counts stay on this device;"
    " check that the Python package opendp is installed and that memory is not short"
)

Cells = Mapping[TableName, Sequence[int]]


def draw_noise(
    cells: Cells,
    budgets: Mapping[TableName, TableBudget],
    epsilon: float,
    *,
    command: Sequence[str] = CHILD,
    timeout_s: float = TIMEOUT_S,
) -> dict[TableName, list[int]]:
    """Add noise to every cell; blocks for up to a second, and may be called in a thread.

    The noise of OpenDP's `make_laplace` on integers: any sign, never clamped but by 64 bits. By its
    own privacy map the child certifies what each table spends, which is checked here.

    Args:
        cells: exact counts by table.
        budgets: sensitivity, scale and epsilon of each of those tables.
        epsilon: what all of them together may spend.
        command: the child; reads and writes what :mod:`kiosk.audience.laplace` does.
        timeout_s: patience with it, in seconds.

    Raises:
        NoiseError: the child failed, was too slow, spent too much, or its answer is not one.
    """
    asked = {
        name: {
            "values": [saturated(value) for value in values],
            "sensitivity": budgets[name].sensitivity,
            "scale": budgets[name].scale,
        }
        for name, values in cells.items()
    }
    answer = _ask(json.dumps(asked), command, timeout_s)
    if not isinstance(answer, dict) or set(answer) != set(cells):
        raise _refused("it answered for other tables than it was asked for")
    spent = [_certified(name, answer[name], budgets[name]) for name in cells]
    if math.fsum(spent) > epsilon:
        raise _refused(f"it spent {math.fsum(spent):.9g} of an epsilon of {epsilon:.9g}")
    return {name: _values(name, answer[name], len(cells[name])) for name in cells}


def saturated(value: int) -> int:
    """The value, or the largest one of its sign that a payload holds."""
    return max(-LARGEST, min(value, LARGEST))


def _ask(question: str, command: Sequence[str], timeout_s: float) -> Any:
    try:
        done = subprocess.run(
            command,
            input=question.encode(),
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env={},
            # Ctrl-C in a terminal is for us; an hour that is being closed is closed.
            process_group=0,
        )
    except subprocess.TimeoutExpired as bad:
        raise _refused(f"it did not answer within {timeout_s:g} s") from bad
    except OSError as bad:
        raise _refused(f"it could not be started: {bad}") from bad
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise _refused(f"it ended with {done.returncode}: {said[-1][:200] if said else 'no word'}")
    try:
        return json.loads(done.stdout)
    except (ValueError, RecursionError) as bad:
        raise _refused("its answer is no JSON") from bad


def _certified(name: TableName, table: Any, budget: TableBudget) -> float:
    spent: object = table.get("epsilon") if isinstance(table, dict) else None
    if not isinstance(spent, (int, float)):
        raise _refused(f"table {name}: it does not say what it spent")
    # Less than planned is as wrong as more: then something else was computed than was asked for.
    if not math.isclose(spent, budget.epsilon, rel_tol=TOLERANCE):
        raise _refused(f"table {name}: it spent {spent:.9g} instead of {budget.epsilon:.9g}")
    return spent


def _values(name: TableName, table: Any, length: int) -> list[int]:
    values = table.get("values")
    if not isinstance(values, list) or len(values) != length:
        raise _refused(f"table {name}: it did not answer for each of {length} cells")
    # A bool is an int to isinstance, and no count.
    if any(type(value) is not int for value in values):
        raise _refused(f"table {name}: not every cell is an integer")
    return [saturated(value) for value in values]


def _refused(what: str) -> NoiseError:
    return NoiseError(f"the noise of an hour could not be drawn: {what}", hint=HINT)
