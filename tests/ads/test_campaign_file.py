"""The campaign file: every fault is a sentence with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.ads import GroupSize, load_campaign
from kiosk.errors import CampaignError

ROOT = Path(__file__).parents[2]

HEAD = "version: 1\nname: spring\ncreatives:\n"
GOOD = "  - {id: tea, kind: image, file: tea.svg, duration_s: 5}\n"


A = "  - {id: a, kind: image, file: tea.svg, duration_s: 5, "


@pytest.fixture
def folder(tmp_path):
    for name in ("tea.svg", "film.MP4", "page.html"):
        (tmp_path / name).write_text("x")
    return tmp_path


def fault(folder, text: str) -> str:
    path = folder / "campaign.yaml"
    path.write_text(text)
    with pytest.raises(CampaignError) as caught:
        load_campaign(path)
    return str(caught.value).replace(str(path), "c")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "  - {id: a, kind: image, file: tea.svg, duraton_s: 5, duration_s: 5}",
            'c:5: creatives[1].duraton_s: unknown key; did you mean "duration_s"?',
        ),
        (
            "  - {id: a, kind: image, file: tea.svg}",
            "c:5: creatives[1].duration_s: this key is required",
        ),
        (
            "  - {id: a, kind: gif, file: tea.svg, duration_s: 5}",
            "c:5: creatives[1].kind: 'gif' is not one of 'image', 'video' or 'html'",
        ),
        (
            "  - {id: a, kind: image, file: gone.png, duration_s: 5}",
            "c:5: creatives[1].file: gone.png: there is no such file",
        ),
        (
            "  - {id: a, kind: video, file: tea.svg, duration_s: 5}",
            "c:5: creatives[1].file: tea.svg is no video (.mp4, .webm)",
        ),
        (
            "  - {id: tea, kind: image, file: tea.svg, duration_s: 5}",
            "c:5: creatives[1]: id 'tea' is taken (line 4)",
        ),
        (
            A + "targeting: {age: [25-34, 13-17]}}",
            "c:5: creatives[1].targeting.age: 13-17: nobody under 18 may be targeted",
        ),
        (
            A + "targeting: {age: [0-12]}}",
            "c:5: creatives[1].targeting.age: 0-12: nobody under 18 may be targeted",
        ),
        (
            A + "targeting: {gender: [unknown]}}",
            "c:5: creatives[1].targeting.gender[0]: 'unknown' is not one of 'female' or 'male'",
        ),
        (
            A + "targeting: {race: [x]}}",
            "c:5: creatives[1].targeting.race: unknown key",
        ),
        (
            A + "targeting: {group: {min: 3, max: 2}}}",
            "c:5: creatives[1].targeting.group: max is less than min",
        ),
        (
            "  - {id: a, kind: image, file: tea.svg, duration_s: .nan}",
            "c:5: creatives[1].duration_s: input should be",
        ),
        (
            "  - {id: a, kind: image, file: tea.svg, duration_s: 5, weight: 0}",
            "c:5: creatives[1].weight: input should be greater than 0",
        ),
        ("  - hello", "c:5: creatives[1]: input should be a valid dictionary"),
        ("name: again", "c:5: name: given twice (first on line 2); remove one"),
    ],
)
def test_each_fault_is_one_sentence_with_line_and_key(folder, line, sentence):
    said = fault(folder, HEAD + GOOD + line + "\n")
    assert said.startswith(sentence)
    assert "\n" not in said


@pytest.mark.parametrize(
    "creative",
    [
        A + "targeting: {gender: [male]}}\n",
        "  - {id: a, kind: image, file: tea.svg, duration_s: 5, all_ages: false}\n",
    ],
    ids=["only targeted", "only for adults"],
)
def test_a_campaign_that_may_have_nothing_to_play_is_refused(folder, creative):
    assert fault(folder, HEAD + creative).startswith(
        "c: no creative is untargeted and for all ages"
    )


@pytest.mark.parametrize("text", ["", "[]", "version: 2\nname: a\ncreatives: []\n"])
def test_a_file_of_another_kind_is_refused(folder, text):
    assert fault(folder, text).startswith("c:")


def test_several_faults_are_told_at_once(folder):
    text = HEAD + GOOD + GOOD + "  - {id: b, kind: html, file: gone.html, duration_s: 5}\n"
    assert len(fault(folder, text).splitlines()) == 2


def test_a_good_campaign_has_its_media_found_from_its_own_folder(folder, monkeypatch):
    (folder / "campaign.yaml").write_text(
        HEAD
        + GOOD
        + "  - id: film\n    kind: video\n    file: film.MP4\n    duration_s: 9\n    weight: 2\n"
        + "    all_ages: false\n    targeting: {age: [18-24], group: {min: 2}}\n"
    )
    monkeypatch.chdir(folder.parent)
    found = load_campaign(Path(folder.name) / "campaign.yaml")
    tea, film = found.creatives
    assert (tea.path, tea.targeted, film.targeted) == (folder / "tea.svg", False, True)
    assert film.targeting.group == GroupSize(min=2, max=None)
    assert film.targeting.label == "age=18-24 group=2+"
    assert [one.id for one in found.rotation] == ["tea"]


def test_json_is_read_as_well(folder):
    (folder / "c.json").write_text(
        '{"version": 1, "name": "j", "creatives":'
        ' [{"id": "tea", "kind": "image", "file": "tea.svg", "duration_s": 5}]}'
    )
    assert load_campaign(folder / "c.json").name == "j"
