"""Campaign files for `kiosk campaign check`, and what it says of them."""

from __future__ import annotations

from datetime import date

import pytest
from click.testing import CliRunner

from kiosk.ads import examine_campaign
from kiosk.cli import main

TODAY = date(2026, 11, 23)
CONTENT = b"<svg/>"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tea.svg").write_bytes(CONTENT)
    (tmp_path / "torn.png").write_bytes(b"torn")
    return tmp_path


def campaign(folder, contracts=(), creatives=(), dayparts="", delivered=True):
    """A campaign with house content; each contract is one line, and has a creative of 10 s."""
    names = [line.split("id: ")[1].split(",")[0] for line in contracts] if delivered else []
    lines = [
        "version: 1",
        "name: a",
        f"dayparts: {{{dayparts}}}",
        "contracts:" if contracts else "contracts: []",
        *(f"  - {{{line}, advertiser: one}}" for line in contracts),
        "creatives:",
        "  - {id: house, kind: image, file: tea.svg, duration_s: 10}",
        *(
            f"  - {{id: of-{name}, kind: image, file: tea.svg, duration_s: 10, contract: {name}}}"
            for name in names
        ),
        *(f"  - {{kind: image, file: tea.svg, duration_s: 10, {line}}}" for line in creatives),
    ]
    path = folder / "c.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def told(path, today=TODAY, severity=None) -> list[str]:
    return [
        f"{one.severity} {one.line} {one.key}: {one.message}"
        for one in examine_campaign(path, today).remarks
        if severity in (None, one.severity)
    ]


def run(*arguments: str):
    return CliRunner().invoke(main, ["campaign", "check", *arguments])
