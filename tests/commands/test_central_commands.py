"""`kiosk central`, as somebody types it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli import main
from kiosk.config import load_settings

ROOT = Path(__file__).parents[2]
CAMPAIGN = ROOT / "kiosk/demo/campaign/campaign.yaml"


@pytest.fixture
def central(tmp_path, monkeypatch):
    shutil.copy(ROOT / "config.yaml", tmp_path / "config.yaml")
    monkeypatch.chdir(tmp_path)

    def run(*words: str, said: str = "") -> Result:
        return CliRunner().invoke(main, ["central", *words], input=said)

    return run


def test_a_device_is_let_in_listed_and_shut_out(central, tmp_path):
    done = central("enrol", "acme/shop-1/kiosk-1", "--out", "usb")
    assert done.exit_code == 0
    assert "takes no campaign" in done.output, "there is no HTTPS to fetch media by"
    assert load_settings(tmp_path / "usb/kiosk.yaml").device.site == "shop-1"
    assert central("enrol", "acme/shop-1/kiosk-1", "--out", "again").exit_code == 2
    assert "acme/shop-1/kiosk-1  until " in central("devices").output
    assert "1 certificate revoked" in central("revoke", "acme/shop-1/kiosk-1").output
    assert "acme/shop-1/kiosk-1  revoked " in central("devices").output


def test_what_is_published_says_whom_it_means(central, tmp_path):
    central("enrol", "acme/shop-1/kiosk-1", "--out", "usb")
    (tmp_path / "large.yaml").write_text("player:\n  notice:\n    size: large\n")
    done = central("publish", "config", "large.yaml", "--target", "acme/*/*")
    assert "configuration 1 for acme/*/*, which means 1 of the devices" in done.output
    done = central("publish", "config", "--none", "--target", "other/*/*")
    assert "configuration 2 for other/*/*, which means 0 of the devices" in done.output
    origin = ("--origin", "https://media.example/")
    done = central("publish", "campaign", str(CAMPAIGN), "--target", "*/*/*", *origin)
    assert "campaign 1 for" in done.output
    assert list((tmp_path / "run/central/media").iterdir())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("publish", "config", "--target", "acme/*/*"), "a FILE or --none is expected"),
        (("publish", "config", "--none", "--target", "acme/x"), "three names are expected"),
        (("publish", "config", "none.yaml", "--target", "*/*/*"), "there is no such file"),
        (("publish", "campaign", "none.yaml", "--target", "*/*/*"), "there is no such file"),
        (("enrol", "acme", "--out", "usb"), "acme"),
        (("revoke", "acme/shop-1/kiosk-1"), "acme/shop-1/kiosk-1"),
        (("user", "password", "nobody", "--password-file", "-"), "nobody has this name"),
        (("token", "revoke", "nothing"), "no valid token"),
        (("bench", "--devices", "-3"), "-3 is not in the range"),
        (("bench", "--database", "mysql"), "--database mysql"),
        (("devices", "--set", "central.database=mysql://x"), "central.database"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(central, words, sentence):
    done = central(*words, said="long enough for one\n")
    assert done.exit_code == 2
    assert sentence in done.output
    assert "Traceback" not in done.output


def test_people_and_programs_are_let_in_and_shut_out(central):
    done = central("user", "add", "ada", "--password-file", "-", said="a long password\n")
    assert "ada may sign in as viewer" in done.output
    assert "ada  viewer" in central("user", "list").output
    central("user", "disable", "ada")
    assert "ada  disabled" in central("user", "list").output
    secret = central("token", "create", "prometheus").output.strip()
    assert len(secret) > 40
    listed = central("token", "list").output
    assert "prometheus  viewer" in listed
    assert secret not in listed
    central("token", "revoke", "prometheus")
    assert "prometheus  revoked" in central("token", "list").output
