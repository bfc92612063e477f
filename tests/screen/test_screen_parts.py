"""What needs no display: what is asked of the kernel, when a page is hung, and wrong settings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.config import ScreenSettings
from kiosk.screen.browser import browser_command
from kiosk.screen.compositor import mode_refused, outputs_of, sway_config
from kiosk.screen.displays import what_is_missing
from kiosk.screen.page import Page
from kiosk.screen.patience import Pace, Silence
from tests.screen.sessions import HEADLESS, nobody_special


def connectors(folder, **states):
    for name, state in states.items():
        (folder / name.replace("_", "-")).mkdir()
        (folder / name.replace("_", "-") / "status").write_text(f"{state}\n")


@pytest.mark.parametrize(
    ("states", "wanted", "said"),
    [
        ({}, None, "the kernel has no graphics device"),
        ({"card0_HDMI_A_1": "disconnected"}, None, "no display is connected"),
        ({"card0_HDMI_A_1": "connected"}, None, ""),
        ({"card0_HDMI_A_1": "connected"}, "HDMI-A-1", ""),
        ({"card1_DP_1": "connected"}, "HDMI-A-1", "no display at HDMI-A-1; there is one at DP-1"),
    ],
)
def test_what_is_missing_is_one_sentence(tmp_path, states, wanted, said):
    connectors(tmp_path, **states)
    missing = what_is_missing(wanted, tmp_path)
    assert missing.startswith(said) if said else missing == ""


def test_a_page_is_hung_after_its_silence_and_not_before():
    silence = Silence(hung_s=20, grace_s=30)
    silence.begin(100)
    assert not silence.is_hung(149)
    assert silence.is_hung(151), "never seen: grace and silence are over"
    silence.hear(110, Page(1, 1.0))
    assert not silence.is_hung(129)
    # The director still knows of the page, which says nothing any more, and then loses it.
    silence.hear(120, Page(1, 11.0))
    silence.hear(130, Page(0, None))
    assert silence.is_hung(130), "the grace is over with the first sign of life"


def test_a_page_that_was_there_and_is_gone_is_not_waited_for():
    silence = Silence(hung_s=20, grace_s=30)
    silence.begin(100)
    silence.hear(104, Page(0, None))
    assert not silence.is_hung(130), "it has never been there"
    silence.hear(130, Page(1, 0.5, own=True))
    # Somebody else's page is none of ours.
    silence.hear(133, Page(1, None))
    assert not silence.is_hung(137), "it may be about to connect again"
    assert silence.is_hung(139)
    silence.excuse(139)
    assert not silence.is_hung(146), "the director was away: it comes back at its own pace"
    assert silence.is_hung(148)
    silence.begin(150)
    assert not silence.is_hung(175), "another browser"


def test_silence_counts_from_when_somebody_could_have_heard():
    silence = Silence(hung_s=20, grace_s=30)
    silence.begin(100)
    silence.hear(110, Page(1, 0.0))
    silence.excuse(200)
    assert not silence.is_hung(219)
    assert silence.is_hung(221)


def test_signs_of_the_browser_before_do_not_speak_for_the_next_one():
    silence = Silence(hung_s=20, grace_s=30)
    silence.begin(100)
    silence.hear(110, Page(1, 30.0))
    assert not silence.beaten
    assert not silence.is_hung(149)


def test_what_ends_is_started_at_once_then_ever_more_slowly_and_never_given_up():
    pace, now, waits = Pace(shortest_s=0.5, longest_s=4, steady_s=30), 0.0, []
    for _ in range(7):
        pace.started(now)
        pace.ended(now)
        due = now
        while not pace.is_due(due):
            due += 0.25
        waits.append(due - now)
        now = due
    assert waits == [0, 0.5, 1, 2, 4, 4, 4]
    pace.started(now)
    pace.ended(now + 60)
    assert pace.is_due(now + 60), "it ran for long: an accident"


def test_only_the_wanted_output_is_on_with_its_mode_and_rotation():
    text = sway_config(
        ScreenSettings(output="HDMI-A-1", mode="1920x1080@60", rotate_deg=270), Path("card.png")
    )
    lines = text.splitlines()
    assert "xwayland disable" in lines
    wanted = 'output "HDMI-A-1" enable mode 1920x1080@60Hz transform 270 scale 1'
    assert lines.index("output * disable") < lines.index(wanted)


def test_a_mode_that_the_display_does_not_have_is_told():
    answer = json.dumps(
        [
            {
                "name": "HDMI-A-1",
                "active": True,
                "transform": "normal",
                "current_mode": {"width": 1280, "height": 720, "refresh": 60000},
            },
            {"name": "HDMI-A-2", "active": False},
        ]
    )
    outputs = outputs_of(answer)
    assert [output.name for output in outputs] == ["HDMI-A-1"]
    assert mode_refused(ScreenSettings(mode="1280x720"), outputs) == ""
    assert "HDMI-A-1 runs at 1280x720" in mode_refused(ScreenSettings(mode="3840x2160"), outputs)
    with pytest.raises(ValueError, match="not a list of outputs"):
        outputs_of('[{"active": true}]')


def test_the_browser_keeps_its_sandbox_and_is_open_to_nobody(tmp_path):
    command = browser_command("chromium", tmp_path, "http://127.0.0.1:8765/screen")
    assert "--kiosk" in command
    assert not [word for word in command if "sandbox" in word or "remote-debugging" in word]
    assert "--mute-audio" in command


def kiosk_screen(*words, as_nobody=True, **env):
    prefix = nobody_special() if as_nobody else []
    return subprocess.run(
        [*prefix, sys.executable, "-m", "kiosk", "screen", *words],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.skipif(shutil.which("sway") is None, reason="sway is not installed: `make setup`")
@pytest.mark.parametrize(
    ("setting", "code", "said"),
    [
        ("player.port=0", 2, "player.port: 0 is any free port"),
        ("screen.browser=netscape", 1, "netscape: there is no such program"),
        ("screen.rotate_deg=45", 2, "screen.rotate_deg"),
    ],
)
def test_a_wrong_setting_is_one_sentence(setting, code, said):
    done = kiosk_screen("--set", setting)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(shutil.which("sway") is None, reason="sway is not installed: `make setup`")
def test_a_folder_with_too_long_a_path_for_sockets_is_named(tmp_path):
    folder = tmp_path / ("long" * 20)
    folder.mkdir(mode=0o700)
    done = kiosk_screen(XDG_RUNTIME_DIR=str(folder))
    assert (done.returncode, f"{folder}/kiosk-screen: too long" in done.stderr) == (2, True)


def test_a_compositor_that_never_starts_ends_the_process_which_is_begun_anew(tmp_path):
    sway = tmp_path / "sway"
    sway.write_text("#!/bin/sh\necho no seat >&2\nexit 1\n")
    sway.chmod(0o755)
    done = kiosk_screen(PATH=f"{tmp_path}:{os.environ['PATH']}", **HEADLESS)
    assert (done.returncode, done.stderr.count("event=screen_compositor_ended")) == (1, 5)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to be refused as root")
def test_root_is_told_which_unit_runs_it():
    done = kiosk_screen(as_nobody=False)
    assert (done.returncode, "systemctl start kiosk-screen" in done.stderr) == (2, True)


@pytest.mark.skipif(shutil.which("grim") is None, reason="grim is not installed: `make setup`")
def test_a_picture_without_a_session_is_refused_and_leaves_no_file(tmp_path):
    done = kiosk_screen("shot", str(tmp_path / "a.png"))
    assert done.returncode == 1
    assert "no screen session" in done.stderr
    assert not (tmp_path / "a.png").exists()
