"""sqlite-utils, without the pandas and numpy that it loads wherever it finds them.

In every process that opens a state file they would be 80 MB and half a second at a desk, where the
benches need pandas, for column types that no table here has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Database", "Migrations"]


@contextmanager
def _unseen(*packages: str) -> Iterator[None]:
    """Let ``packages`` be as if not installed, but for those that somebody has loaded already."""
    hidden = [package for package in packages if package not in sys.modules]
    # Where Python looks first; None stands for "there is no such package".
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]


with _unseen("pandas", "numpy"):
    from sqlite_utils import Database, Migrations
