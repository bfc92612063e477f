"""A bundle on still pictures: what it is measured, calibrated and explained with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kiosk import terms
from kiosk.config import AttributeSettings, VisionSettings
from kiosk.vision import load_bundle, open_examiner
from kiosk.vision.faces import LEFT_EYE, NOSE, RIGHT_EYE, Image
from kiosk.vision.stills import Examiner, Look
from tests.vision.conftest import frames_of
from tests.vision.fakes import overlap


@pytest.fixture(scope="module")
def examiner(models_dir: Path) -> Examiner:
    """The default bundle, loaded once."""
    return open_examiner(VisionSettings(models_dir=models_dir))


@pytest.fixture(scope="module")
def look(examiner: Examiner, portrait: Image) -> Look:
    """What is thought of the sample clip's first frame."""
    return examiner.look(portrait)


def sound(look: Look) -> None:
    """Its probabilities are probabilities."""
    assert look.years_p.shape == (101,)
    assert look.years_p.sum() == pytest.approx(1, abs=1e-4)
    assert (look.years_p >= 0).all()
    assert set(look.gender_p) == set(terms.GENDERS)
    assert set(look.mood_p) == set(terms.MOODS)
    assert sum(look.gender_p.values()) == pytest.approx(1, abs=1e-4)
    assert sum(look.mood_p.values()) == pytest.approx(1, abs=1e-4)
    assert 0 < look.quality <= 1


def test_the_woman_of_the_sample_clip_is_found_and_told_as_one(look: Look) -> None:
    sound(look)
    assert look.found
    assert look.gender_p["female"] > 0.75
    assert 20 < look.years_p @ np.arange(101) < 50
    assert look.quality > 0.5
    assert not look.minor_possible


def test_she_is_worried_at_first_and_laughs_at_last(
    examiner: Examiner, sample: Path, look: Look
) -> None:
    laughing = examiner.look(frames_of(sample)[-1])
    assert laughing.mood_p["happy"] > 0.5
    assert look.mood_p["happy"] < 0.3


def test_the_same_picture_is_told_the_same_again(
    examiner: Examiner, portrait: Image, look: Look
) -> None:
    again = examiner.look(portrait)
    np.testing.assert_array_equal(again.years_p, look.years_p)
    assert (again.gender_p, again.mood_p) == (look.gender_p, look.mood_p)


def test_a_mirror_image_is_told_alike(examiner: Examiner, portrait: Image, look: Look) -> None:
    mirrored = examiner.look(cv2.flip(portrait, 1))
    assert mirrored.gender_p["female"] == pytest.approx(look.gender_p["female"], abs=0.1)
    years = np.arange(101)
    assert mirrored.years_p @ years == pytest.approx(look.years_p @ years, abs=5)


def test_what_the_bundle_can_do_is_said(examiner: Examiner, models_dir: Path) -> None:
    cards = load_bundle(models_dir, "default")
    assert examiner.tasks == {"age", "gender", "emotion"}
    assert examiner.labels["gender"] == list(terms.GENDERS)
    assert examiner.labels["emotion"] == list(terms.MOODS)
    assert [head.card.name for head in examiner.heads] == cards.bundle.heads
    fusion = cards.bundle.fusion
    assert examiner.unknown_below == {task: fusion[task].unknown_below_p for task in fusion}


def test_a_setting_goes_before_the_bundles_threshold(models_dir: Path) -> None:
    told = AttributeSettings(min_gender_p=0.9, min_age_p=0.1)
    settings = VisionSettings(models_dir=models_dir, attributes=told)
    found = open_examiner(settings).unknown_below
    assert (found["gender"], found["age"]) == (0.9, 0.1)
    fusion = load_bundle(models_dir, "default").bundle.fusion
    assert found["emotion"] == fusion["emotion"].unknown_below_p


def test_a_bundle_without_heads_finds_faces_and_says_nothing_of_them(
    bare_dir: Path, portrait: Image
) -> None:
    bare = open_examiner(VisionSettings(models_dir=bare_dir))
    assert (bare.tasks, bare.unknown_below) == (frozenset(), {})
    look = bare.look(portrait)
    assert look.found
    assert (look.years_p.size, look.gender_p, look.mood_p) == (0, {}, {})
    assert look.minor_possible, "who has no age may be a minor"


def test_every_face_is_found_down_to_low_scores(
    examiner: Examiner, models_dir: Path, portrait: Image
) -> None:
    boxes, scores = examiner.find(portrait)
    assert boxes.shape == (len(scores), 4)
    assert boxes.dtype == scores.dtype == np.float32
    best = boxes[scores.argmax()]
    assert overlap(best, examiner.main_face(portrait).boxes[0]) > 0.9
    faint = np.full((360, 640, 3), 128, np.uint8)
    for place in range(6):
        size = (60 - 8 * place, 34 - 4 * place)
        faint[40 : 40 + size[1], 20 + 100 * place : 20 + 100 * place + size[0]] = cv2.resize(
            cv2.GaussianBlur(portrait, (0, 0), 9), size
        )
    least = load_bundle(models_dir, "default").detector[0].faces.min_score
    low = np.concatenate([examiner.find(portrait // 6 + 100)[1], examiner.find(faint)[1], scores])
    assert (low > 0).all()
    assert (low <= 1).all()
    assert (low < least).any(), "a search of the running kind would have left these out"


@pytest.mark.parametrize(
    "crop",
    [
        pytest.param(np.s_[40:340, 260:560], id="a little room"),
        pytest.param(np.s_[90:320, 320:520], id="cut by a detector"),
    ],
)
def test_a_face_that_fills_its_picture_is_found(
    examiner: Examiner, portrait: Image, crop: Any
) -> None:
    there = examiner.look(np.ascontiguousarray(portrait[crop]))
    sound(there)
    assert there.found
    assert there.gender_p["female"] > 0.6


def test_of_several_faces_the_one_near_the_middle_is_meant(
    examiner: Examiner, portrait: Image
) -> None:
    small = cv2.resize(portrait, (320, 180))
    frame = np.full((540, 960, 3), 30, np.uint8)
    for x, y in ((0, 0), (320, 180), (640, 360)):
        frame[y : y + 180, x : x + 320] = small
    (box,) = examiner.main_face(frame).boxes
    assert 320 < box[0] < box[2] < 640
    assert 180 < box[1] < box[3] < 360


@pytest.mark.parametrize("size", [(8, 8), (9, 31), (48, 48), (1200, 16)])
@pytest.mark.parametrize("tone", ["grey", "noise"])
def test_a_picture_without_a_face_is_looked_at_in_the_typical_place(
    examiner: Examiner, size: tuple[int, int], tone: str
) -> None:
    image = np.full((*size, 3), 128, np.uint8)
    if tone == "noise":
        image = np.random.default_rng(0).integers(0, 256, image.shape, np.uint8)
    there = examiner.look(image)
    sound(there)
    assert not there.found
    assert len(examiner.main_face(image)) == 0
    right, left, nose = examiner.keypoints(image)[[RIGHT_EYE, LEFT_EYE, NOSE]]
    height, width = size
    assert 0 < right[0] < nose[0] < left[0] < width
    assert 0 < right[1] < nose[1] < height


def test_a_picture_of_one_tone_is_as_badly_seen_as_can_be(examiner: Examiner) -> None:
    flat = np.full((200, 200, 3), 128, np.uint8)
    assert examiner.quality(flat) == pytest.approx(1e-3)
    there = examiner.look(flat)
    assert max(there.gender_p.values()) < 0.6
    assert there.quality == pytest.approx(1e-3)


def test_a_grey_face_is_a_face(examiner: Examiner, portrait: Image) -> None:
    grey = cv2.cvtColor(cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    there = examiner.look(grey)
    sound(there)
    assert there.found


def test_opinions_are_of_each_model_and_of_both_mirror_images(
    examiner: Examiner, portrait: Image
) -> None:
    said = examiner.opinions(portrait)
    names = {head.card.name: head.tasks for head in examiner.heads}
    for task in examiner.tasks:
        assert set(said[task]) == {name for name, tasks in names.items() if task in tasks}
        for opinion in said[task].values():
            assert opinion.size == (1 if task == "age" else len(examiner.labels[task]))
            assert np.isfinite(opinion).all()
    turned = examiner.opinions(cv2.flip(portrait, 1))
    for name, opinion in said["gender"].items():
        assert np.exp(opinion) == pytest.approx(np.exp(turned["gender"][name]), abs=0.15)


def test_every_part_is_timed(examiner: Examiner, portrait: Image) -> None:
    spent = examiner.time_ms(portrait, repeats=2)
    assert set(spent) == {"frame", "face", *(head.card.name for head in examiner.heads)}
    assert all(0 < ms < 2000 for ms in spent.values())
