"""What is answered about a photo: faces with doubt, adverts with reasons, and what is kept out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kiosk import terms
from kiosk.ads import Moment
from kiosk.clock import SystemClock
from kiosk.config import Settings
from kiosk.errors import BadInputError, KioskError
from kiosk.state import open_store
from kiosk.suggest import Suggester, open_suggester, suggestion_text
from kiosk.vision.faces import Image
from kiosk.vision.photo import PhotoReader
from tests.fakes import FakeClock
from tests.suggest.conftest import HEIC, bomb, jpeg, lying


@pytest.fixture(scope="module")
def answer(suggester: Suggester, woman: bytes) -> dict[str, Any]:
    """About the woman, as a program reads it."""
    told: dict[str, Any] = json.loads(json.dumps(suggester.of(woman, "woman.jpg").as_dict()))
    return told


def test_a_face_comes_with_its_place_its_size_and_how_sure_each_estimate_is(
    answer: dict[str, Any],
) -> None:
    assert (answer["photo"], answer["width_px"], answer["height_px"]) == ("woman.jpg", 640, 360)
    assert answer["estimated"] == ["age", "gender", "mood"]
    (face,) = answer["faces"]
    x, y, width, height = face["box"]
    assert 0 <= x < x + width <= 1
    assert 0 <= y < y + height <= 1
    assert face["box_px"][2] == face["width_px"] == pytest.approx(width * 640, abs=1)
    assert face["camera_width_px"] == pytest.approx(2 * face["width_px"], abs=1)
    assert face["large_enough"]
    assert face["gender"] == "female"
    assert face["gender_p"] == face["genders"]["female"] > 0.75
    assert set(face["ages"]) == set(terms.AGE_BANDS)
    assert set(face["moods"]) == set(terms.MOODS)
    for labels in ("ages", "genders", "moods"):
        assert sum(face[labels].values()) == pytest.approx(1, abs=0.01)
    assert face["years"]["low"] < face["years"]["mean"] < face["years"]["high"]
    assert face["minor_possible"] is False


def test_nothing_is_said_of_whether_a_face_on_a_photo_is_a_persons(answer: dict[str, Any]) -> None:
    assert answer["liveness"] == "not judged"
    assert not {"live", "person", "id"} & set(answer["faces"][0])


def test_the_adverts_that_fit_come_first_each_with_its_reason(answer: dict[str, Any]) -> None:
    assert answer["campaign"] == "shop"
    assert [one["creative"] for one in answer["adverts"][:2]] == ["coats", "moods"]
    assert len(answer["adverts"]) == 3
    assert answer["adverts"][0]["reason"] == "targeted: gender=female"
    for advert in answer["adverts"]:
        assert advert["explanation"]
        assert 0 < advert["p"] <= 1


def test_a_photo_that_a_phone_stores_lying_is_told_as_upright(
    suggester: Suggester, portrait: Image, answer: dict[str, Any]
) -> None:
    turned = suggester.of(lying(portrait)).as_dict()
    assert (turned["width_px"], turned["height_px"]) == (640, 360)
    assert turned["faces"][0]["box"] == pytest.approx(answer["faces"][0]["box"], abs=0.02)


def test_a_face_without_room_around_it_is_found(suggester: Suggester, portrait: Image) -> None:
    x, y, width, height = suggester.of(jpeg(portrait)).photo.faces[0].box
    tight = portrait[y : y + height, x : x + width]
    (face,) = suggester.of(jpeg(np.ascontiguousarray(tight))).photo.faces
    assert face.box[2] > 0.6 * width
    assert face.gender is not None
    assert face.gender.label == "female"


def test_nobody_on_it_is_no_mistake_and_what_plays_then_is_told(
    suggester: Suggester, nobody: bytes
) -> None:
    found = suggester.of(nobody)
    assert found.photo.faces == ()
    assert found.notes[0].startswith("No face is found on it")
    assert not any(one.creative.targeted for one in found.adverts.likely)
    assert found.adverts.likely
    assert "no faces" in suggestion_text(found)


def test_a_face_that_is_too_small_is_shown_and_passed_over(
    suggester: Suggester, portrait: Image
) -> None:
    found = suggester.of(jpeg(np.asarray(cv2.resize(portrait, (64, 36)), np.uint8)))
    (face,) = found.photo.faces
    told = found.as_dict()["faces"][0]
    assert not face.large_enough
    assert (told["age_band"], told["gender"], told["mood"], told["ages"]) == (None, None, None, {})
    assert told["minor_possible"] is None
    assert "vision.detection.min_face_px" in found.notes[0]
    assert not any(one.creative.targeted for one in found.adverts.likely)
    assert found.adverts.minor_possible is False
    assert "too small, at least 24 px wide are needed" in suggestion_text(found)


def test_of_too_many_faces_the_widest_are_looked_at_and_nobody_is_targeted(
    suggester: Suggester, four: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = suggester.of(four)
    assert len(every.photo.faces) == 4
    assert every.adverts.minor_possible is False
    monkeypatch.setattr("kiosk.suggest.suggester.MOST_FACES", 2)
    found = suggester.of(four)
    widths = sorted((face.box[2] for face in every.photo.faces), reverse=True)
    assert sorted((face.box[2] for face in found.photo.faces), reverse=True) == widths[:2]
    assert found.as_dict()["faces_left_out"] == 2
    assert found.adverts.minor_possible
    assert not any(one.creative.targeted for one in found.adverts.likely)
    assert "There are 4 faces on it; the 2 widest were looked at." in found.notes[0]


def test_one_who_may_be_a_minor_leaves_what_is_untargeted_and_for_all_ages(
    configured: Callable[..., Settings], woman: bytes
) -> None:
    strict = configured("vision.attributes.minor_p=0.0")
    found = open_suggester(strict, SystemClock()).of(woman)
    assert found.adverts.minor_possible
    assert found.as_dict()["faces"][0]["minor_possible"] is True
    assert found.adverts.likely
    assert all(one.creative.all_ages and not one.creative.targeted for one in found.adverts.likely)
    assert "possibly under 18: nobody is targeted" in suggestion_text(found)


def test_under_policy_eu_no_mood_is_estimated_shown_or_chosen_by(
    configured: Callable[..., Settings], woman: bytes
) -> None:
    found = open_suggester(configured("privacy.policy=eu"), SystemClock()).of(woman)
    told = found.as_dict()
    face = told["faces"][0]
    assert told["estimated"] == ["age", "gender"]
    assert (face["mood"], face["mood_p"], face["moods"]) == (None, None, {})
    assert face["gender"] == "female"
    assert "mood " not in suggestion_text(found).split("campaign")[0].split("Not estimated")[0]
    assert not any(one.creative.targeting.mood for one in found.adverts.likely)


def test_under_policy_count_only_a_face_is_a_box(
    configured: Callable[..., Settings], woman: bytes
) -> None:
    found = open_suggester(configured("privacy.policy=count-only"), SystemClock()).of(woman)
    told = found.as_dict()
    (face,) = told["faces"]
    assert told["estimated"] == []
    for name in ("age_band", "age_p", "years", "gender", "gender_p", "mood", "mood_p"):
        assert face[name] is None
    assert face["ages"] == face["genders"] == face["moods"] == {}
    assert found.adverts.minor_possible
    assert "Not estimated here: age, gender, mood (privacy.policy count-only" in found.notes[0]
    text = suggestion_text(found)
    assert "age is not estimated: nobody is targeted" in text
    assert "possibly under 18" not in text


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the file is empty"),
        (b"no picture", "it is no picture that is read here"),
        (HEIC, "HEIC, AVIF and films are not read; save or send it as a JPEG"),
        (bomb(), "60000x60000 pixels are more than the 50 million that are read"),
        (bomb(4, 4), "4x4 pixels are too few for a face"),
        (b"\xff\xd8\xff\xe0", "damaged: it begins as a JPEG picture"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "damaged: it begins as a PNG picture"),
        (bytes((32 << 20) + 1), "more than the 32 MB that are read"),
    ],
    ids=["empty", "text", "heic", "bomb", "tiny", "cut", "no header", "large"],
)
def test_what_cannot_be_read_is_one_sentence(
    suggester: Suggester, data: bytes, sentence: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        suggester.of(data)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_photo_that_takes_too_long_is_given_up(
    configured: Callable[..., Settings], reader: PhotoReader, four: bytes
) -> None:
    class Slow(FakeClock):
        def monotonic(self) -> float:
            self.seconds += 9
            return self.seconds

    slow = Suggester(configured(), Slow(), reader)
    with pytest.raises(KioskError, match="it takes too long: 2 of 4 faces were looked at"):
        slow.of(four)


def test_a_campaign_that_cannot_be_used_leaves_the_card_of_our_own_and_says_so(
    configured: Callable[..., Settings], reader: PhotoReader, woman: bytes, tmp_path: Path
) -> None:
    bad = tmp_path / "campaign.yaml"
    bad.write_text("version: 1\nname: x\ncreatives: []\n")
    found = Suggester(configured(f"ads.campaign={bad}"), SystemClock(), reader).of(woman)
    assert found.adverts.campaign == "house"
    assert [one.creative.id for one in found.adverts.likely] == ["kiosk-welcome"]
    assert any("The campaign cannot be used" in note and str(bad) in note for note in found.notes)


def test_an_unknown_label_is_told_as_such_with_what_the_best_guess_has(
    suggester: Suggester, woman: bytes
) -> None:
    found = suggester.of(woman)
    face = found.photo.faces[0]
    assert face.mood is not None
    unsure = replace(face, mood=replace(face.mood, label="unknown", p=0.31))
    doubt = replace(found, photo=replace(found.photo, faces=(unsure,)))
    assert "mood unknown (the best guess has 31 %)" in suggestion_text(doubt)


def test_chances_add_up_over_what_may_play_and_each_creative_is_drawn_or_left_out_by_a_rule(
    suggester: Suggester, woman: bytes
) -> None:
    found = suggester.of(woman).as_dict()
    chances = [one["p"] for one in found["adverts"]]
    assert chances == sorted(chances, reverse=True)
    assert 0 < sum(chances) <= 1 + 1e-6
    every = {one.id for one in suggester.campaign.creatives}
    out = {one["creative"]: one for one in found["left_out"]}
    assert out["armchair"]["rule"] == out["razors"]["rule"] == "targeting"
    assert out["table"]["rule"] == "group"
    assert {one["creative"] for one in found["adverts"]} <= every - set(out)
    assert all(one["why"] for one in out.values())


SOLD = """\
version: 1
name: sold
contracts:
  - {id: tea, advertiser: leaf, goal: {plays_per_day: 1}}
creatives:
  - {id: ours, kind: image, file: card.svg, duration_s: 5}
  - {id: theirs, kind: image, file: card.svg, duration_s: 5, contract: tea}
"""


def test_what_the_device_has_delivered_is_reckoned_with_and_its_file_left_as_it_is(
    configured: Callable[..., Settings], reader: PhotoReader, woman: bytes, tmp_path: Path
) -> None:
    state, campaign, clock = tmp_path / "state.db", tmp_path / "campaign.yaml", FakeClock()
    campaign.write_text(SOLD)
    (tmp_path / "card.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    settings = configured(f"ads.campaign={campaign}", f"state.path={state}")
    suggester = Suggester(settings, clock, reader)

    def left_out() -> dict[str, str]:
        told = suggester.of(woman).as_dict()["left_out"]
        return {one["creative"]: one["rule"] for one in told}

    assert left_out() == {}
    assert not state.exists()
    store = open_store(state, clock)
    hour = Moment.of(clock.utc(), settings.device.timezone, 0.0).hour
    assert left_out() == {"ours": "turn"}
    behind = suggester.of(woman)
    assert behind.adverts.likely[0].reason == "contract: tea"
    assert {one.creative.id for one in behind.adverts.on_schedule} == {"ours", "theirs"}
    assert "once no contract is behind:" in suggestion_text(behind)
    row = {"plays": 9, "shown_s": 45.0, "live_s": 90.0, "impressions": 0}
    with store.transaction() as db:
        db["deliveries"].insert({"contract": "tea", "period": hour, **row})
    store.close()
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    assert left_out() == {"theirs": "pace"}
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_a_state_file_that_cannot_be_read_is_told_of_and_the_choice_is_as_on_the_first_day(
    configured: Callable[..., Settings], reader: PhotoReader, woman: bytes, tmp_path: Path
) -> None:
    state = tmp_path / "state.db"
    state.write_bytes(b"no database" * 100)
    found = Suggester(configured(f"state.path={state}"), SystemClock(), reader).of(woman)
    assert found.adverts.likely
    assert f"counts as on schedule, and nothing as learned: {state}: cannot" in found.notes[-1]
