"""A configuration that contradicts itself: one sentence each, with file, line, key and remedy."""

from __future__ import annotations

import json

import pytest

from kiosk.config import load_settings
from kiosk.errors import ConfigError

LONG = "https://shop.example/" + "privacy/" * 13


def faults(folder, text: str, *overrides: str) -> list[str]:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(path, overrides)
    return str(caught.value).replace(str(path), "config.yaml").splitlines()


def accepted(folder, text: str, *overrides: str):
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, overrides)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(
            "privacy:\n  policy: count-only\nvision:\n  attributes:\n    estimate: [age, mood]\n",
            "config.yaml:5: vision.attributes.estimate: privacy.policy count-only does not allow"
            " age and mood to be estimated; leave them out, or choose another policy",
            id="count-only estimates nothing",
        ),
        pytest.param(
            "vision:\n  attributes:\n    estimate: [mood, age, gender]\nprivacy: {policy: eu}\n",
            "config.yaml:3: vision.attributes.estimate: privacy.policy eu does not allow"
            " mood to be estimated; leave it out, or choose another policy",
            id="eu estimates no mood",
        ),
        pytest.param(
            "privacy:\n  policy: count-only\nvision:\n  attributes:\n"
            "    estimate: [mood, age, gender]\n",
            "config.yaml:5: vision.attributes.estimate: privacy.policy count-only does not allow"
            " mood, age and gender to be estimated; leave them out, or choose another policy",
            id="three of them",
        ),
        pytest.param(
            "privacy:\n  policy: eu\n  noise: off\n",
            "config.yaml:3: privacy.noise: privacy.policy eu publishes with noise only;"
            " leave it at discrete-laplace",
            id="eu without noise",
        ),
        pytest.param(
            "privacy:\n  policy: eu\nplayer:\n  notice:\n    show: false\n",
            "config.yaml:5: player.notice.show: privacy.policy eu wants the notice on the screen;"
            " set it to true, or choose another policy",
            id="eu without notice",
        ),
        pytest.param(
            "privacy:\n  policy: eu\n  mood_table: true\n",
            "config.yaml:3: privacy.mood_table: no mood is estimated under privacy.policy eu and"
            " vision.attributes.estimate, so there is none to publish; leave it empty",
            id="eu publishes no mood",
        ),
        pytest.param(
            "privacy:\n  mood_table: true\nvision:\n  attributes:\n    estimate: [age]\n",
            "config.yaml:2: privacy.mood_table: no mood is estimated under privacy.policy full and"
            " vision.attributes.estimate, so there is none to publish; leave it empty",
            id="no mood by wish",
        ),
        pytest.param(
            "privacy:\n  mood_table: true\n  shares: {mood: 0, creative_mood: 0}\n",
            "config.yaml:2: privacy.mood_table: privacy.shares leaves no epsilon to moods;"
            " raise its mood, or set this to false",
            id="no epsilon for moods",
        ),
        pytest.param(
            "player:\n  notice:\n    qr: true\n",
            "config.yaml:3: player.notice.qr: there is nothing to put into the QR code;"
            " give player.notice.link, or set this to false",
            id="a QR code of nothing",
        ),
        pytest.param(
            f"player:\n  notice:\n    link: {LONG}\n    qr: true\n",
            "config.yaml:3: player.notice.link: it has 125 signs, and a QR code that can be read"
            " from a step away holds 120; shorten it, or set player.notice.qr to false",
            id="a QR code too fine",
        ),
        pytest.param(
            'vision:\n  off_hours: [{begin: "20:00", end: "08:00"}]\n'
            'audience:\n  staff_hours: [{begin: "07:00", end: "20:30"}]\n',
            "config.yaml:4: audience.staff_hours: together with vision.off_hours they cover the"
            " whole week, so nobody would ever be counted",
            id="off and staff hours together",
        ),
    ],
)
def test_a_contradiction_is_one_sentence_with_file_line_and_key(tmp_path, text, sentence):
    assert faults(tmp_path, text) == [sentence]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(
            "privacy:\n  policy: EU\n",
            "config.yaml:2: privacy.policy: 'EU' is not one of 'full', 'eu' or 'count-only'",
            id="no such policy",
        ),
        pytest.param(
            "privacy:\n  epsilon: 0\n",
            "config.yaml:2: privacy.epsilon: has to be above 0 and at most 10;"
            ' to publish without noise, say noise: "off" (found 0)',
            id="epsilon 0",
        ),
        pytest.param(
            "privacy:\n  epsilon: -1\n",
            "config.yaml:2: privacy.epsilon: has to be above 0 and at most 10;"
            ' to publish without noise, say noise: "off" (found -1)',
            id="epsilon below 0",
        ),
        pytest.param(
            "privacy:\n  epsilon: 10.5\n",
            "config.yaml:2: privacy.epsilon: has to be above 0 and at most 10;"
            ' to publish without noise, say noise: "off" (found 10.5)',
            id="epsilon that protects nobody",
        ),
        pytest.param(
            "privacy:\n  shares:\n    visits: 0\n",
            "config.yaml:2: privacy.shares: visits: has to be above 0,"
            " it is what everything else is read beside",
            id="no visits",
        ),
        pytest.param(
            "device:\n  timezone: Berlin\n",
            "config.yaml:2: device.timezone: no time zone of this name;"
            " say one such as Europe/Berlin (found 'Berlin')",
            id="unknown time zone",
        ),
        pytest.param(
            "device:\n  timezone: ../../etc/passwd\n",
            "config.yaml:2: device.timezone: no time zone of this name;"
            " say one such as Europe/Berlin (found '../../etc/passwd')",
            id="a path",
        ),
        pytest.param(
            "vision:\n  zones:\n    ignore:\n"
            "      - {name: till, polygon: [[0, 0], [1.2, 0], [1, 1]]}\n",
            "config.yaml:4: vision.zones.ignore[0].polygon: the corner 1.2, 0 lies outside the"
            " frame; corners are shares of its width and height, 0 to 1",
            id="a mask outside the frame",
        ),
        pytest.param(
            "vision:\n  zones:\n    ignore:\n"
            "      - {name: till, polygon: [[0, 0], [0.5, 0.5], [1, 1]]}\n",
            "config.yaml:4: vision.zones.ignore[0].polygon: its corners enclose nothing;"
            " give them in order around it",
            id="a mask that is a line",
        ),
        pytest.param(
            "vision:\n  zones:\n    ignore:\n"
            "      - {name: till, polygon: [[0, 0], [1, 1]]}\n",
            "config.yaml:4: vision.zones.ignore[0].polygon: a polygon has at least three corners",
            id="a mask of two corners",
        ),
        pytest.param(
            "vision:\n  attributes:\n    estimate: [race]\n",
            "config.yaml:3: vision.attributes.estimate[0]: 'race' is not one of 'age', 'gender' or"
            " 'mood'",
            id="what is never estimated",
        ),
        pytest.param(
            "player:\n  notice:\n    languages: []\n",
            "config.yaml:3: player.notice.languages: name at least one, such as [en];"
            " to hide the notice, set show: false (found [])",
            id="no language",
        ),
        pytest.param(
            "player:\n  notice:\n    languages: [de, en, de]\n",
            "config.yaml:3: player.notice.languages: de is named twice; remove one",
            id="a language twice",
        ),
        pytest.param(
            "player:\n  notice:\n    languages: [de, xx]\n",
            "config.yaml:3: player.notice.languages[1]: 'xx' is not one of 'en', 'de', 'fr'",
            id="a language that we have not",
        ),
        pytest.param(
            "player:\n  notice:\n    position: middle\n",
            "config.yaml:3: player.notice.position: 'middle' is not one of 'top-left'",
            id="no corner",
        ),
        pytest.param(
            "player:\n  notice:\n    size: huge\n",
            "config.yaml:3: player.notice.size: 'huge' is not one of 'small', 'medium' or 'large'",
            id="no size",
        ),
        *(
            pytest.param(
                f"player:\n  notice:\n    link: {json.dumps(link)}\n",
                "config.yaml:3: player.notice.link: an address is expected as a browser's address"
                " bar copies it, such as https://shop.example/privacy: http or https,",
                id=link or "empty",
            )
            for link in (
                "", "shop.example/privacy", "ftp://shop.example", "javascript:alert(1)",
                "https://", "https://shop example/", "https://me:secret@shop.example/",
                "https://shop.example/a b", "https://käse.example", "https://shop.example/\n",
                "HTTPS//shop.example", "file:///etc/passwd",
            )
        ),
    ],
)  # fmt: skip
def test_a_setting_of_privacy_that_makes_no_sense_is_one_sentence(tmp_path, text, sentence):
    (said,) = faults(tmp_path, text)
    assert said.startswith(sentence)


def test_every_contradiction_is_told_at_once(tmp_path):
    said = faults(
        tmp_path,
        "privacy:\n  policy: eu\n  noise: off\n  mood_table: true\n"
        "player:\n  notice:\n    show: false\n    qr: true\n"
        "vision:\n  attributes:\n    estimate: [mood]\n",
    )
    # To estimate a mood is the first fault, and to publish it then is none of its own.
    assert [line.split(": ")[:2] for line in said] == [
        ["config.yaml:11", "vision.attributes.estimate"],
        ["config.yaml:3", "privacy.noise"],
        ["config.yaml:7", "player.notice.show"],
        ["config.yaml:8", "player.notice.qr"],
    ]


def test_a_policy_of_the_command_line_is_blamed_by_its_consequence(tmp_path):
    said = faults(tmp_path, "player:\n  notice:\n    show: false\n", "privacy.policy=eu")
    assert said[0].startswith("config.yaml:3: player.notice.show: privacy.policy eu wants")
    said = faults(tmp_path, "privacy: {policy: eu}\n", "player.notice.show=false")
    assert said[0].startswith("--set player.notice.show=false: player.notice.show: ")


@pytest.mark.parametrize(
    ("policy", "estimated"),
    [("full", ["age", "gender", "mood"]), ("eu", ["age", "gender"]), ("count-only", [])],
)
def test_a_policy_alone_says_what_is_estimated(tmp_path, policy, estimated):
    settings = accepted(tmp_path, f"privacy: {{policy: {policy}}}\n")
    assert settings.seeing.attributes.estimate == estimated
    assert settings.privacy.publishes_mood is ("mood" in estimated)


@pytest.mark.parametrize(
    ("policy", "estimate"),
    [("full", "[age]"), ("full", "[]"), ("eu", "[gender]"), ("count-only", "[]")],
)
def test_less_than_the_policy_allows_may_be_asked_for(tmp_path, policy, estimate):
    settings = accepted(
        tmp_path,
        f"privacy: {{policy: {policy}}}\nvision: {{attributes: {{estimate: {estimate}}}}}\n",
    )
    assert str(settings.seeing.attributes.estimate).replace("'", "") == estimate


@pytest.mark.parametrize(
    "text",
    [
        "privacy: {noise: off}\nplayer: {notice: {show: false}}\n",
        "player: {notice: {link: 'https://shop.example:8443/p?x=1#y', qr: true}}\n",
        f"player: {{notice: {{link: '{LONG}'}}}}\n",
        "privacy: {policy: eu, epsilon: 0.1}\nplayer: {notice: {languages: [de, fr, pl]}}\n",
        "privacy: {mood_table: false, shares: {mood: 0, creative_mood: 0}}\n",
    ],
)
def test_what_is_no_contradiction_is_accepted(tmp_path, text):
    accepted(tmp_path, text)


def test_under_eu_noise_cannot_be_made_so_small_that_it_is_none(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("privacy:\n  policy: eu\n  epsilon: 8\n")
    with pytest.raises(ConfigError, match=r"config.yaml:3: privacy.epsilon: .* at most 2; lower"):
        load_settings(path)


@pytest.mark.parametrize("text", ["\u200b", ".", "  -  ", "12 12 12 12 12 12"])
def test_a_text_of_ones_own_has_to_say_something(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(f"player: {{notice: {{text: '{text}'}}}}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="says nothing: write at least 5 letters"):
        load_settings(path)
