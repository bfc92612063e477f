"""The table of what was proved, with its figures, which the long targets print at their end.

A `conftest.py` imports :func:`claim` and the two hooks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

VERDICTS = {"passed": "holds", "failed": "DOES NOT HOLD"}


@dataclass(frozen=True)
class Proof:
    """A line of the closing table."""

    what: str
    figures: str
    verdict: str


PROOFS = pytest.StashKey[list[Proof]]()
PROVES = pytest.StashKey[tuple[str, list[str]]]()


class Claim:
    """What one test is about to prove; its figures go into the table, whatever comes of it."""

    def __init__(self, figures: list[str]) -> None:
        self._figures = figures

    def figure(self, text: str) -> None:
        """Add a figure that was measured."""
        print(text, flush=True)
        self._figures.append(text)


@pytest.fixture
def claim(request: pytest.FixtureRequest) -> Claim:
    """Takes the figures of a test; what it proves is its docstring's first line, or its name."""
    told = request.function.__doc__ or request.node.name.removeprefix("test_").replace("_", " ")
    figures: list[str] = []
    request.node.stash[PROVES] = (told.strip().splitlines()[0].rstrip("."), figures)
    return Claim(figures)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    """Note what came of a test."""
    report = yield
    if call.when == "call" or (call.when == "setup" and not report.passed):
        what, figures = item.stash.get(PROVES, (item.name, []))
        line = Proof(
            what,
            "; ".join([*figures, f"{report.duration / 60:.1f} min"]),
            VERDICTS.get(report.outcome, "skipped"),
        )
        item.config.stash.setdefault(PROOFS, []).append(line)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    proofs = terminalreporter.config.stash.get(PROOFS, [])
    if not proofs:
        return
    terminalreporter.section("what was proved")
    for proof in proofs:
        terminalreporter.write_line(f"{proof.verdict:<14} {proof.what}")
        terminalreporter.write_line(f"{'':<14} {proof.figures}")
