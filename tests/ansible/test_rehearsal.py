"""A rehearsal (--check) takes and refuses the configurations that a real run does."""

from __future__ import annotations

from typing import Any

from kiosk import __version__
from tests.ansible.playing import ROOT, Bench, role, said_in_one_line

KIOSK = ROOT / ".venv/bin/kiosk"
TYPO = {"screen": {"rotate_degg": 90}}
REFUSED = 'its config.yaml screen.rotate_degg: unknown key; did you mean "rotate_deg"?'
ANOTHER = """#!/bin/sh
echo "kiosk, version 9.9"
"""


def _rehearse(bench: Bench, name: str, *arguments: str, **given: Any) -> tuple[set[str], str]:
    nowhere = str(bench.folder / "nowhere")
    usual = {"runs": nowhere, "its_version": nowhere, "own": nowhere}
    for host in bench.hosts:
        bench.hosts[host] = usual | bench.hosts[host]
    return bench.play(
        [role(name, "rehearse")],
        "--check",
        *arguments,
        release_current_kiosk="{{ runs }}",
        release_kiosk="{{ its_version }}",
        release_own="{{ own }}",
        kiosk_version=__version__,
        kiosk_tenant="acme",
        kiosk_site="one",
        kiosk_profile="nuc",
        kiosk_pki_dir=str(bench.folder),
        kiosk_broker_host="office.example",
        **given,
    )


def test_an_unknown_key_is_refused_by_whoever_would_read_it(bench: Bench) -> None:
    another = str(bench.program("another", ANOTHER))
    cases: dict[str, tuple[dict[str, Any], bool]] = {
        "window": ({"runs": str(KIOSK)}, True),
        "typo": ({"runs": str(KIOSK), "kiosk_config": TYPO}, False),
        # After the role release: what runs is not who would read it.
        "updated": (
            {"runs": another, "release_now": {}, "its_version": str(KIOSK), "kiosk_config": TYPO},
            False,
        ),
        "blank": ({"own": str(KIOSK), "kiosk_config": TYPO}, False),
        "unchecked": ({"own": another, "kiosk_config": TYPO}, True),
        "bare": ({"kiosk_config": TYPO}, True),
    }
    bench.hosts = {name: given for name, (given, _) in cases.items()}
    failed, said = _rehearse(bench, "device")
    assert failed == {name for name, (_, is_taken) in cases.items() if not is_taken}, said
    told = said_in_one_line(said)
    for name in failed:
        assert f"The configuration of {name} would not be taken: kiosk: {REFUSED}" in told
    assert "Correct kiosk_config, or deploy/profiles/nuc.yaml." in told
    for name, why in (("unchecked", "is version 9.9"), ("bare", "is missing")):
        lacking = f"The configuration of {name} was not checked: version {__version__} is not there"
        assert why in told.split(lacking)[1].split(". A run without --check")[0]
    assert told.count("was not checked: version") == 2
    assert "changed: [" not in said


def test_a_camera_s_password_is_not_told_where_the_configuration_is_read(bench: Bench) -> None:
    bench.hosts = {"window": {"runs": str(KIOSK)}, "blank": {"own": str(KIOSK)}}
    source = "rtsp://shop:hush-hush@192.0.2.7/live"
    failed, said = _rehearse(bench, "device", "-vvv", kiosk_config={"vision": {"source": source}})
    assert not failed
    # What a module is told at this level goes to the journal at every level.
    assert said.count("censored") >= 2
    assert "hush-hush" not in said


def test_head_office_s_unknown_key_is_refused_too(bench: Bench) -> None:
    bench.hosts = {"window": {"own": str(KIOSK)}}
    bench.groups = {"central": ["window"]}
    failed, said = _rehearse(bench, "central", kiosk_central_config={"central": {"slots": 2}})
    assert failed == {"window"}
    assert "its central.yaml central.slots: unknown key" in said_in_one_line(said)
    assert "Correct kiosk_central_config." in said_in_one_line(said)


def test_a_switch_to_a_version_that_is_there_is_rehearsed_with_its_configuration(
    bench: Bench,
) -> None:
    (bench.folder / "good.yaml").write_text("screen: {rotate_deg: 90}\n")
    (bench.folder / "typo.yaml").write_text("screen: {rotate_degg: 90}\n")
    there = {"release_now": {"current": "0.0.1"}, "release_versions": [__version__]}
    bench.hosts = {
        "window": there | {"kiosk_release_config": str(bench.folder / "good.yaml")},
        "typo": there | {"kiosk_release_config": str(bench.folder / "typo.yaml")},
        "absent": there | {"kiosk_release_config": "/nonexistent", "release_versions": []},
    }
    given = {"kiosk_version": __version__, "release_kiosk": str(KIOSK)}
    failed, said = bench.play([role("release", "switch")], "--check", **given)
    assert failed == {"typo"}
    assert "does not understand the configuration of typo, so 0.0.1 runs on" in said_in_one_line(
        said
    )
    assert said.count("would be switched to, from 0.0.1") == 3
