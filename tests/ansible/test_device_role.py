"""The role device: when a roll-out ends."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from tests.ansible.playing import Bench, role, said_in_one_line

RUNS = dict.fromkeys(("director", "vision", "uplink"), "active")
SYSTEMCTL = """#!/bin/sh
[ "$1" = show ] || exit 0
first=yes
while read -r name state; do
  [ "$first" ] || echo
  first=
  printf 'Id=kiosk-%s.service\\nInvocationID=1\\nActiveState=%s\\nSubState=x\\n' "$name" "$state"
done <"{folder}/units"
"""
KIOSK = """#!/bin/sh
if [ "$1" = doctor ]; then cat "{folder}/doctor.json"; exit; fi
if [ -e "{folder}/asked" ]; then cat "{folder}/after.json"; else cat "{folder}/before.json"; fi
touch "{folder}/asked"
"""
WELL = dict.fromkeys(("director", "vision", "screen", "plays", "broker", "disk"), "ok")


def _checks(states: dict[str, str]) -> str:
    checks = [
        {"name": name, "state": state, "message": "as told", "hint": ""}
        for name, state in states.items()
    ]
    return json.dumps({"ok": "fail" not in states.values(), "checks": checks})


@dataclass(frozen=True)
class How:
    """What a device says before and after, which processes run, and what is to be complained of."""

    before: dict[str, str]
    after: dict[str, str]
    units: dict[str, str] = field(default_factory=dict)
    camera: str = "ok"
    complaint: str = ""


DEVICES = {
    "window": How(WELL, WELL),
    "dark": How(WELL, WELL | {"screen": "fail"}, complaint="screen was well before this play"),
    "still": How(WELL, WELL | {"plays": "warn"}, complaint="plays was well before this play"),
    "full": How(WELL, WELL | {"disk": "warn"}),
    "bare": How({}, WELL | {"vision": "fail", "screen": "fail"}),
    "blind": How({}, WELL | {"vision": "fail"}, {"vision": "activating"}, "fail"),
    "crashing": How(
        {}, WELL | {"vision": "fail"}, {"vision": "activating"}, complaint="kiosk-vision does not"
    ),
    "cut-off": How(
        {}, WELL | {"broker": "fail"}, {"uplink": "failed"}, complaint="kiosk-uplink does not run"
    ),
    "silent": How(WELL, {}, {"director": "failed"}, complaint="kiosk-director does not run"),
}


@pytest.mark.long
def test_a_roll_out_ends_at_what_got_worse_or_does_not_run(bench: Bench) -> None:
    for name, how in DEVICES.items():
        folder = bench.folder / name
        program = folder / "current/.venv/bin/kiosk"
        program.parent.mkdir(parents=True)
        program.write_text(KIOSK.format(folder=folder))
        program.chmod(0o755)
        systemctl = bench.program(f"systemctl-{name}", SYSTEMCTL.format(folder=folder))
        before = _checks(how.before) if how.before else "nobody is here\n"
        (folder / "before.json").write_text(before)
        (folder / "after.json").write_text(_checks(how.after) if how.after else "nothing\n")
        (folder / "doctor.json").write_text(_checks({"camera": how.camera}))
        units = RUNS | how.units
        (folder / "units").write_text("".join(f"{one} {two}\n" for one, two in units.items()))
        bench.hosts[name] = {"here": str(folder), "its_systemctl": str(systemctl)}
    failed, said = bench.play(
        [role("device", "before"), role("device", "status")],
        device_current="{{ here }}/current",
        device_systemctl="{{ its_systemctl }}",
        kiosk_version="1.0.0",
        kiosk_healthy_within_s=5,
    )
    assert failed == {name for name, how in DEVICES.items() if how.complaint}, said
    for name, how in DEVICES.items():
        if how.complaint:
            told = said.split(f"fatal: [{name}]")[1].split("fatal: [")[0]
            assert how.complaint in said_in_one_line(told)
