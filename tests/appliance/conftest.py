"""A fleet in boxes, and the table of what was proved of it."""

from tests.appliance.fleet import fleet
from tests.proofs import claim, pytest_runtest_makereport, pytest_terminal_summary

__all__ = ["claim", "fleet", "pytest_runtest_makereport", "pytest_terminal_summary"]
