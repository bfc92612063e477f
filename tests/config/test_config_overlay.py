"""A configuration of head office is laid over the device's own; a bad one never breaks a start."""

from __future__ import annotations

import json

import pytest
import yaml

from kiosk.config import config_file, lay_over, load_settings, write_settings
from kiosk.errors import ConfigError


def device(folder, **sections) -> dict:
    own = {"desired": {"public_keys": ["key.pem"], "folder": "desired"}, **sections}
    (folder / "config.yaml").write_text(yaml.safe_dump(own))
    return own


def install(folder, content, version=7) -> None:
    path = config_file(folder / "desired")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": version, "digest": "", "content": content}))


def test_it_lies_over_the_file_and_the_command_line_key_by_key(tmp_path):
    device(tmp_path, player={"lead_s": 2, "plays_batch_s": 30}, log={"level": "error"})
    install(tmp_path, {"player": {"lead_s": 3}, "vision": {"off_hours": []}})
    settings = load_settings(tmp_path / "config.yaml", ["player.lead_s=4", "log.level=debug"])
    assert (settings.player.lead_s, settings.player.plays_batch_s) == (3, 30)
    assert settings.log.level == "debug"
    assert settings.taken.version == 7
    own = settings.taken.own
    assert own.player.lead_s == 4
    assert own == load_settings(
        tmp_path / "config.yaml", ["player.lead_s=4", "log.level=debug"], desired=False
    )


def test_lists_are_replaced_and_relative_paths_stay_the_files(tmp_path):
    device(tmp_path, player={"notice": {"languages": ["de", "fr"]}})
    install(tmp_path, {"player": {"notice": {"languages": ["it"]}}})
    settings = load_settings(tmp_path / "config.yaml")
    assert settings.player.notice.languages == ["it"]
    assert settings.desired.folder == tmp_path / "desired"
    assert settings.state.path == tmp_path / "run/state.db"


def test_what_is_written_for_the_children_of_one_command_is_read_back_with_it(tmp_path):
    device(tmp_path)
    install(tmp_path, {"player": {"lead_s": 3}})
    settings = load_settings(tmp_path / "config.yaml")
    write_settings(settings.taken.own, tmp_path / "child.yaml")
    child = load_settings(tmp_path / "child.yaml")
    assert (child.player.lead_s, child.taken.own.player.lead_s) == (3, 1)
    install(tmp_path, {}, version=8)
    assert load_settings(tmp_path / "child.yaml").player.lead_s == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 3}',
        '{"version": "x", "content": {}}',
        '{"version": 3, "content": []}',
        '{"version": 3, "content": {"player": {"lead_s": -1}}}',
        '{"version": 3, "content": {"broker": {}}}',
        '{"version": 1e999, "content": {}}',
        '{"version": 9223372036854775808, "content": {}}',
        '{"version": -1, "content": {}}',
        '{"version": 3, "content": {"privacy": {"noise": "off"}}}',
        '{"version": 3, "content": {"player": ' + "[" * 3000 + "]" * 3000 + "}}",
        "\x00\xff",
    ],
)
def test_a_broken_one_on_the_disk_is_ignored_and_told(tmp_path, caplog, text):
    device(tmp_path, player={"lead_s": 2})
    path = config_file(tmp_path / "desired")
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="latin-1")
    settings = load_settings(tmp_path / "config.yaml")
    assert settings.player.lead_s == 2
    assert settings.taken.version == 0
    assert settings.taken.reason
    assert caplog.text.count("event=desired_config_ignored") == 1


def test_a_file_of_the_device_that_changed_since_may_rule_it_out(tmp_path):
    device(tmp_path)
    install(tmp_path, {"privacy": {"policy": "full", "mood_table": True}})
    assert load_settings(tmp_path / "config.yaml").taken.version == 7
    device(tmp_path, privacy={"policy": "eu"})
    settings = load_settings(tmp_path / "config.yaml")
    assert settings.privacy.policy == "eu"
    assert (settings.taken.version, settings.taken.refused) == (0, 7)


def test_where_nothing_is_installed_the_settings_are_the_devices_own(tmp_path):
    device(tmp_path)
    settings = load_settings(tmp_path / "config.yaml")
    assert settings == load_settings(tmp_path / "config.yaml", desired=False)
    louder = settings.model_copy(update={"log": settings.log.model_copy(update={"level": "debug"})})
    assert louder.taken.own.log.level == "debug"


def test_without_a_key_it_is_nobodys(tmp_path):
    device(tmp_path, desired={"folder": "desired"})
    install(tmp_path, {"player": {"lead_s": 3}})
    assert load_settings(tmp_path / "config.yaml").player.lead_s == 1


STRICT = {
    "privacy": {"policy": "eu", "epsilon": 0.5},
    "player": {"keep_plays_days": 2},
    "audience": {"keep_hours_days": 2},
}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"privacy": {"policy": "full"}}, "less strict"),
        ({"privacy": {"epsilon": 0.6}}, "privacy.epsilon"),
        ({"player": {"keep_plays_days": 3}}, "keep_plays_days"),
        ({"audience": {"keep_hours_days": 3}}, "keep_hours_days"),
    ],
)
def test_privacy_is_never_loosened_from_afar(tmp_path, content, why):
    device(tmp_path, **STRICT)
    own = load_settings(tmp_path / "config.yaml")
    with pytest.raises(ConfigError, match=why):
        lay_over(own, content)


@pytest.mark.parametrize(
    ("own", "content"),
    [
        ({"vision": {"attributes": {"estimate": ["age"]}}}, {"estimate": ["age", "mood"]}),
        ({"vision": {"attributes": {"estimate": []}}}, {"estimate": None}),
    ],
)
def test_nothing_more_is_estimated_from_afar(tmp_path, own, content):
    device(tmp_path, **own)
    settings = load_settings(tmp_path / "config.yaml")
    with pytest.raises(ConfigError, match="nothing is added from afar"):
        lay_over(settings, {"vision": {"attributes": content}})


def test_moods_are_not_published_from_afar_where_they_were_not(tmp_path):
    device(tmp_path, privacy={"mood_table": False})
    settings = load_settings(tmp_path / "config.yaml")
    with pytest.raises(ConfigError, match="publishes no moods"):
        lay_over(settings, {"privacy": {"mood_table": True}})


def test_the_notice_says_what_this_device_says_or_what_we_say(tmp_path):
    device(tmp_path, player={"notice": {"text": "A camera counts you."}})
    own = load_settings(tmp_path / "config.yaml")
    with pytest.raises(ConfigError, match=r"player\.notice\.text"):
        lay_over(own, {"player": {"notice": {"text": "Welcome!"}}})
    changed = lay_over(own, {"player": {"notice": {"text": "", "languages": ["fr"]}}})
    assert (changed.player.notice.text, changed.player.notice.languages) == ("", ["fr"])


NIGHT = {"days": ["mon"], "begin": "22:00", "end": "06:00"}
EVENING = {"days": ["mon"], "begin": "22:00", "end": "23:00"}
TILL = {"name": "till", "polygon": [[0, 0], [0.2, 0], [0.2, 0.4]]}
AT_HOME = {
    "clock": {"trust": "synchronised"},
    "vision": {
        "off_hours": [NIGHT],
        "zones": {"ignore": [TILL], "max_distance_m": 4},
        "attributes": {"minor_p": 0.1},
    },
    "audience": {"staff_hours": [{"days": ["tue"], "begin": "07:00", "end": "09:00"}]},
    "privacy": {"shares": {"age_gender": 0}, "age_bands": ["0-17", "18-54", "55+"]},
    "player": {"notice": {"link": "https://shop.example/privacy"}},
}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"clock": {"trust": "always"}}, "clock.trust"),
        ({"vision": {"off_hours": []}}, "vision.off_hours"),
        ({"vision": {"off_hours": [EVENING]}}, "vision.off_hours"),
        ({"audience": {"staff_hours": []}}, "audience.staff_hours"),
        ({"vision": {"zones": {"ignore": []}}}, "till"),
        ({"vision": {"zones": {"ignore": [TILL | {"polygon": [[0, 0], [1, 0], [1, 1]]}]}}}, "till"),
        ({"vision": {"zones": {"max_distance_m": None}}}, "max_distance_m"),
        ({"vision": {"zones": {"max_distance_m": 5}}}, "max_distance_m"),
        ({"vision": {"attributes": {"minor_p": 0.9}}}, "minor_p"),
        ({"privacy": {"shares": {"age_gender": 3}}}, "shares.age_gender"),
        ({"privacy": {"age_bands": ["0-17", "18-34", "35-54", "55+"]}}, "age_bands"),
        ({"player": {"notice": {"link": "https://evil.example/win"}}}, "notice.link"),
        ({"player": {"notice": {"link": None}}}, "notice.link"),
    ],
)
def test_what_is_promised_in_a_shop_has_no_side_door(tmp_path, content, why):
    device(tmp_path, **AT_HOME)
    own = load_settings(tmp_path / "config.yaml")
    with pytest.raises(ConfigError, match=why):
        lay_over(own, content)


def test_more_than_was_promised_may_be_kept_from_afar(tmp_path):
    device(tmp_path, **AT_HOME)
    own = load_settings(tmp_path / "config.yaml")
    sunday = {"days": ["sun"], "begin": "00:00", "end": "24:00"}
    early = {"days": ["tue"], "begin": "06:00", "end": "10:00"}
    mirror = {"name": "mirror", "polygon": [[0, 0], [1, 0], [1, 1]]}
    settings = lay_over(
        own,
        {
            "vision": {
                # Whoever is not seen is not counted: these staff hours are kept by a closed camera.
                "off_hours": [NIGHT, sunday, early],
                "zones": {"ignore": [mirror, TILL], "max_distance_m": 3},
                "attributes": {"minor_p": 0.05},
            },
            "audience": {"staff_hours": []},
            "privacy": {"shares": {"mood": 0}, "age_bands": ["0-17", "18+"]},
        },
    )
    assert settings.privacy.age_bands == ["0-17", "18+"]
    assert len(settings.vision.off_hours) == 3


def test_privacy_may_be_tightened_from_afar(tmp_path):
    device(tmp_path)
    settings = lay_over(
        load_settings(tmp_path / "config.yaml"),
        {
            "privacy": {"policy": "count-only", "epsilon": 0.5},
            "player": {"keep_plays_days": 1},
        },
    )
    assert (settings.privacy.policy, settings.privacy.epsilon) == ("count-only", 0.5)


def test_a_device_that_shows_no_notice_may_be_made_to_show_one(tmp_path):
    device(tmp_path, player={"notice": {"show": False}})
    own = load_settings(tmp_path / "config.yaml")
    assert lay_over(own, {"player": {"notice": {"show": True}}}).player.notice.show
