"""The campaign file: every fault is a sentence with its line."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.ads import (
    GroupSize,
    campaign_schema,
    load_campaign,
)
from kiosk.errors import CampaignError
from tests.ads.faulty import GOOD, HEAD, SOLD, A, fault, folder, png_header

ROOT = Path(__file__).parents[2]

__all__ = ["folder"]


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
        (
            A + "contract: bean}",
            "c:5: creatives[1].contract: unknown contract 'bean'; there are none under contracts",
        ),
        (
            A + "dayparts: [breakfast]}",
            "c:5: creatives[1].dayparts[0]: unknown day-part 'breakfast'; none is named",
        ),
        (
            A + 'dayparts: [{day: [mon], from: "06:00"}]}',
            'c:5: creatives[1].dayparts[0].day: unknown key; did you mean "days"?',
        ),
        (
            A + "dayparts: [{days: [monday]}]}",
            "c:5: creatives[1].dayparts[0].days[0]: 'monday' is not one of 'mon', 'tue'",
        ),
        (
            A + "dayparts: [{from: 06:00, to: 10:00}]}",
            "c:5: creatives[1].dayparts[0].to: a time of day in quotes is expected",
        ),
        (
            A + 'dayparts: [{from: "06:00", to: "06:00"}]}',
            "c:5: creatives[1].dayparts[0]: from is the same as to; for a whole day say",
        ),
        (
            A + 'dayparts: [{from: "24:00", to: "06:00"}]}',
            "c:5: creatives[1].dayparts[0]: from: 24:00 is the end of a day",
        ),
        (
            A + "flight: {from: 2026-11-30, to: 2026-11-01}}",
            "c:5: creatives[1].flight: it ends on 2026-11-01, before it begins on 2026-11-30",
        ),
        (
            A + 'flight: {from: "2026-02-30"}}',
            "c:5: creatives[1].flight.from: there is no such day",
        ),
        (
            A + "flight: {from: 20261101}}",
            "c:5: creatives[1].flight.from: a day is expected, such as 2026-11-30",
        ),
        (
            A + "flight: {from: 0001-01-01}}",
            "c:5: creatives[1].flight.from: the year is not between 2000 and 2999",
        ),
        (A + "flight: {}}", "c:5: creatives[1].flight: it wants from, to, or both"),
        (
            A + "flight: {form: 2026-11-01}}",
            'c:5: creatives[1].flight.form: unknown key; did you mean "from"?',
        ),
        (
            A + "sha256: abc}",
            "c:5: creatives[1].sha256: string should match pattern",
        ),
        (
            A + "frequency: {max_per_hour: 0}}",
            "c:5: creatives[1].frequency.max_per_hour: input should be greater than or equal to 1",
        ),
        (
            A + "targeting: {looking: 1.5}}",
            "c:5: creatives[1].targeting.looking: input should be less than or equal to 1",
        ),
        (
            "  - {id: a, kind: image, file: empty.png, duration_s: 5}",
            "c:5: creatives[1].file: empty.png: is empty",
        ),
        (
            "  - {id: a, kind: image, file: bomb.png, duration_s: 5}",
            "c:5: creatives[1].file: bomb.png: has 60000 x 50000 pixels; 50 million are the most",
        ),
        (
            "  - {id: a, kind: image, file: bomb.gif, duration_s: 5}",
            "c:5: creatives[1].file: bomb.gif: has 65535 x 65535 pixels; 50 million are the most",
        ),
        (
            '  - {id: a, kind: image, file: "tea\\0.svg", duration_s: 5}',
            "c:5: creatives[1].file: string should match pattern",
        ),
        (
            f"  - {{id: a, kind: image, file: {300 * 'a'}.svg, duration_s: 5}}",
            f"c:5: creatives[1].file: {300 * 'a'}.svg: cannot be read: File name too long",
        ),
        (
            "  - {id: a, kind: image, file: folder.png, duration_s: 5}",
            "c:5: creatives[1].file: folder.png: there is no such file",
        ),
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
        "c:3: creatives: no creative is untargeted, for all ages"
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


@pytest.mark.parametrize(
    "more",
    ["contract: gin}", 'dayparts: [{from: "06:00"}]}', "flight: {to: 2030-01-01}}"],
    ids=["sold", "by day only", "until then"],
)
def test_something_has_to_play_when_all_that_is_sold_or_timed_is_over(folder, more):
    text = HEAD.replace("creatives", "contracts: [{id: gin, advertiser: a}]\ncreatives")
    assert "c:4: creatives: no creative is untargeted" in fault(folder, text + A + more)


def test_a_large_picture_that_can_be_shown_is_let_through(folder):
    (folder / "wall.png").write_bytes(png_header(7680, 4320))
    (folder / "c.yaml").write_text(HEAD + GOOD.replace("tea.svg", "wall.png"))
    assert load_campaign(folder / "c.yaml").creatives[0].path.name == "wall.png"


def test_the_published_schema_takes_what_is_read_and_refuses_what_is_refused(folder):
    schema = json.loads((ROOT / "deploy/schemas/campaign.schema.json").read_text())
    assert schema == campaign_schema()
    checker = jsonschema.Draft202012Validator(schema)
    as_json = json.loads(json.dumps(yaml.safe_load(SOLD), default=str))
    assert list(checker.iter_errors(as_json)) == []
    demo = yaml.safe_load((ROOT / "kiosk/demo/campaign/campaign.yaml").read_text())
    assert list(checker.iter_errors(demo)) == []
    for change in (
        {"brekfast": []},
        {"version": 2},
        {"dayparts": {"b": [{"from": 600}]}},
        {"contracts": [{"id": "a", "advertiser": "a", "goal": {}}]},
        {"contracts": [{"id": "a", "advertiser": "a", "goal": {"plays": 1, "impressions": 1}}]},
        {"creatives": []},
    ):
        assert list(checker.iter_errors({**as_json, **change})), change


def test_every_key_of_the_published_schema_says_what_it_is():
    schema = campaign_schema()
    silent = [
        f"{name}.{key}"
        for name, part in [("", schema), *schema["$defs"].items()]
        for key, about in part["properties"].items()
        if "description" not in about
    ]
    assert silent == []


def places(data: object, where: tuple[str | int, ...] = ()):
    """Every place of a document that something else could stand in."""
    keys = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in keys:
        yield (*where, key)
        if isinstance(value, dict | list):
            yield from places(value, (*where, key))


WRONG = st.sampled_from([None, True, 0, -1, 1e9, "", "x", "bean", [], {}, [[]], {"a": {}}, ["x"]])


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_whatever_stands_anywhere_the_file_is_read_or_refused_with_a_sentence(
    tmp_path_factory, data
):
    folder = tmp_path_factory.getbasetemp()
    (folder / "tea.svg").write_text("x")
    content = yaml.safe_load(SOLD)
    for _ in range(data.draw(st.integers(1, 3))):
        *outer, last = data.draw(st.sampled_from(list(places(content))))
        part = content
        for key in outer:
            part = part[key]
        part[last] = data.draw(WRONG)
    path = folder / "anything.yaml"
    path.write_text(yaml.safe_dump(content))
    said = ""
    try:
        assert load_campaign(path).rotation
    except CampaignError as bad:
        said = str(bad)
    assert all(line.startswith(f"{path}:") for line in said.splitlines())
