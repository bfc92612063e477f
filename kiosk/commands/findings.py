"""Findings as a person reads them, or as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kiosk.machine import Finding

SIGNS = {"ok": "ok  ", "warn": "note", "fail": "FAIL"}


def tell(findings: list[Finding], *, as_json: bool, head: dict[str, Any]) -> int:
    """Print what was found.

    Args:
        findings: in the order in which they are shown.
        as_json: one object instead of lines.
        head: what else the object says.

    Returns:
        The exit code: 1 when something that is needed is missing.
    """
    failed = any(finding.state == "fail" for finding in findings)
    if as_json:
        checks = [asdict(finding) for finding in findings]
        click.echo(json.dumps({"ok": not failed, **head, "checks": checks}, indent=1))
    else:
        for finding in findings:
            click.echo(f"{SIGNS[finding.state]}  {finding.name:12} {finding.message}")
            if finding.hint:
                click.echo(f"{'':18}-> {finding.hint}")
    return 1 if failed else 0
