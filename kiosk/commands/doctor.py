"""`kiosk doctor`: what is missing on this machine, and what to do about it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from kiosk.commands.options import settings_of, with_settings

SIGNS = {"ok": "ok  ", "warn": "note", "fail": "FAIL"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--source", metavar="SOURCE", help="Look at this camera or file instead.")
@with_settings
def doctor(
    config: Path | None, overrides: tuple[str, ...], as_json: bool, source: str | None
) -> None:
    """Check camera, models, accelerators, campaign, state file, screen page and broker.

    Exits with 1 when something that is needed is missing.

    Example: kiosk doctor --json
    """
    from kiosk.doctor import examine

    findings = examine(settings_of(config, overrides, source))
    failed = any(finding.state == "fail" for finding in findings)
    if as_json:
        report = {"ok": not failed, "checks": [asdict(finding) for finding in findings]}
        click.echo(json.dumps(report, indent=1))
    else:
        for finding in findings:
            click.echo(f"{SIGNS[finding.state]}  {finding.name:12} {finding.message}")
            if finding.hint:
                click.echo(f"{'':18}-> {finding.hint}")
    raise SystemExit(1 if failed else 0)
