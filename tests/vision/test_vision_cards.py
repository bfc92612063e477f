"""Cards and bundles: what is committed can be read, and what does not fit is one sentence."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from kiosk import terms
from kiosk.errors import BadInputError, ModelError
from kiosk.vision import load_bundle, load_card
from tests.vision.conftest import ROOT

EMOTION, FACES, GENDER = "emotion-mini-xception", "face-detection-yunet", "gender-mini-xception"
AGE = "age-gender-face-api"


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    """A copy of the committed cards and bundles, that a test may spoil."""
    for card in (ROOT / "models_ir").glob("*/*.yaml"):
        target = tmp_path / card.relative_to(ROOT / "models_ir")
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(card, target)
    return tmp_path


def spoil(path: Path, old: str, new: str) -> int:
    """Replace a part of a file; the line of what is new."""
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    at = text.index(old)
    path.write_text(text.replace(old, new))
    return text[:at].count("\n") + 1


def test_every_committed_card_and_bundle_can_be_read() -> None:
    used = set()
    for path in (ROOT / "models_ir/bundles").glob("*.yaml"):
        read = load_bundle(ROOT / "models_ir", path.stem)
        assert read.bundle.name == path.stem
        assert [card.name for card in read.detector] == read.bundle.detector
        assert [card.name for card in read.heads] == read.bundle.heads
        assert read.cards == read.detector + read.heads
        used |= {card.name for card in read.cards}
    assert used == {path.parent.name for path in (ROOT / "models_ir").glob("*/card.yaml")}


def test_the_default_bundle_tells_age_gender_and_mood_in_the_words_of_the_field() -> None:
    read = load_bundle(ROOT / "models_ir", "default")
    labels = {task: head.known_labels for card in read.heads for task, head in card.heads.items()}
    assert set(labels) == {"age", "gender", "emotion"}
    assert labels["gender"] == list(terms.GENDERS)
    assert labels["emotion"] == list(terms.MOODS)
    for task, fusion in read.bundle.fusion.items():
        assert fusion.weights.keys() <= {card.name for card in read.heads if task in card.heads}
        assert set(fusion.bias) <= set(labels[task])


@pytest.mark.parametrize(
    ("model", "old", "new", "sentence"),
    [
        pytest.param(
            EMOTION, "notes: ", "nots: ", 'nots: unknown key; did you mean "notes"?',
            id="a slip of a key",
        ),
        pytest.param(
            FACES, "decoder: yunet", "decoder: yonet",
            "faces.decoder: 'yonet' is not one of", id="a decoder that nobody wrote",
        ),
        pytest.param(
            EMOTION, "decoder: probabilities", "decoder: softmax",
            "heads.emotion.decoder: 'softmax' is not one of", id="a decoder of no head",
        ),
        pytest.param(
            EMOTION, "reader: tflite", "reader: caffe", "reader: 'caffe' is not one of",
            id="a reader that nobody wrote",
        ),
        pytest.param(
            EMOTION, "disgusted, fearful", "disgust, fearful",
            "labels: 'disgust' is not one of", id="a word that is not of the field",
        ),
        pytest.param(
            EMOTION, "disgusted, fearful", "fearful, fearful",
            "labels: 'fearful' is given twice", id="a label twice",
        ),
        pytest.param(
            GENDER, "labels: [female, male]", "labels: [happy, sad]",
            "gender: 'happy' is not one of female, male", id="a mood as gender",
        ),
        pytest.param(
            GENDER, "labels: [female, male]", "labels: []",
            "gender: labels are needed", id="no labels",
        ),
        pytest.param(
            AGE, "years: [1]", "years: []", "age: years are needed", id="an age without years",
        ),
        pytest.param(
            GENDER, "decoder: probabilities", "decoder: years",
            "gender: years are of ages", id="a gender in years",
        ),
        pytest.param(
            GENDER, "gender:", "race:", "heads.race", id="a task that we do not do",
        ),
        pytest.param(
            EMOTION, "mean: [127.5]", "mean: [1, 2]", "mean: give 1 or 1 numbers, not 2",
            id="two means of one channel",
        ),
        pytest.param(
            EMOTION, "  colour: GREY", "  colour: BGR",
            "grey in one is grey in the other", id="grey and not grey",
        ),
        pytest.param(
            EMOTION, "scale: 127.5", "scale: 0", "input.scale", id="divided by nothing",
        ),
        pytest.param(
            FACES, "min_score: 0.", "min_score: 60.", "faces.min_score", id="a score in per cent",
        ),
    ],
)  # fmt: skip
def test_a_card_that_does_not_fit_is_named_with_file_line_and_key(
    cards: Path, model: str, old: str, new: str, sentence: str
) -> None:
    path = cards / model / "card.yaml"
    line = spoil(path, old, new)
    with pytest.raises(ModelError) as caught:
        load_card(cards, model)
    said = str(caught.value)
    assert isinstance(caught.value, BadInputError)
    assert sentence in said
    assert "\n" not in said
    # A fault of several keys together is blamed on the part of the card that holds them.
    found = int(re.match(rf"{re.escape(str(path))}:(\d+): ", said)[1])
    assert found == line or found in (1, *range(line - 12, line))


@pytest.mark.parametrize(
    ("model", "add", "sentence"),
    [
        (EMOTION, "faces: {decoder: yunet, min_score: 0.5}\n", "either `faces` or `heads`"),
        (FACES, "heads: {age: {decoder: years, years: [1]}}\n", "either `faces` or `heads`"),
    ],
)
def test_a_card_is_of_a_detector_or_of_a_head(
    cards: Path, model: str, add: str, sentence: str
) -> None:
    path = cards / model / "card.yaml"
    path.write_text(path.read_text() + add)
    with pytest.raises(ModelError, match=sentence) as caught:
        load_card(cards, model)
    assert str(path) in str(caught.value)


def test_a_card_without_a_crop_is_refused(cards: Path) -> None:
    path = cards / EMOTION / "card.yaml"
    text = path.read_text()
    path.write_text(re.sub(r"(?m)^crop:\n(  .*\n)+", "", text))
    with pytest.raises(ModelError, match="crop: the card of an attribute model needs it"):
        load_card(cards, EMOTION)


def test_a_sigmoid_tells_two_labels_apart(cards: Path) -> None:
    spoil(cards / "faceres/card.yaml", "labels: [female, male]", "labels: [female]")
    with pytest.raises(ModelError, match="a sigmoid tells two labels apart"):
        load_card(cards, "faceres")


def test_an_unknown_bundle_names_the_known_ones(cards: Path) -> None:
    with pytest.raises(ModelError, match="no bundle 'defualt'") as caught:
        load_bundle(cards, "defualt")
    assert "default" in str(caught.value.hint)


def test_a_folder_without_bundles_asks_whether_it_is_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_bundle(tmp_path, "default")
    assert "is vision.models_dir right?" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        pytest.param("detector: []", "detector: ", id="no detector"),
        pytest.param(f"heads: [{EMOTION}]", "detector: this key is required", id="no key either"),
        pytest.param(f"detector: [{EMOTION}]", f"{EMOTION} does not find faces", id="a head first"),
        pytest.param(
            f"detector: [{FACES}]\nheads: [{FACES}]",
            f"{FACES} estimates nothing of a face", id="a detector among the heads",
        ),
        pytest.param("detector: [nothing]", "there is no such file", id="no card"),
        pytest.param(
            f"detector: [{FACES}]\nhaeds: [{EMOTION}]",
            'haeds: unknown key; did you mean "heads"?', id="a slip of a key",
        ),
        pytest.param(
            f"detector: [{FACES}]\nheads: [{EMOTION}]\n"
            "fusion: {emotion: {weights: {emotion-human: 1}}}",
            "fusion.emotion.weights.emotion-human: no head of this bundle", id="a weight of nobody",
        ),
        pytest.param(
            f"detector: [{FACES}]\nheads: [{EMOTION}]\n"
            f"fusion: {{gender: {{weights: {{{EMOTION}: 1}}}}}}",
            f"fusion.gender.weights.{EMOTION}: no head of this bundle", id="a weight elsewhere",
        ),
        pytest.param(
            f"detector: [{FACES}]\nheads: [{EMOTION}]\nfusion: {{emotion: {{bias: {{hapy: 1}}}}}}",
            "fusion.emotion.bias.hapy", id="a bias for no label",
        ),
        pytest.param(
            f"detector: [{FACES}]\nheads: [{EMOTION}]\n"
            "fusion: {emotion: {unknown_below_p: 45}}",
            "fusion.emotion.unknown_below_p", id="a share in per cent",
        ),
        pytest.param(
            f"detector: [{FACES}]\nheads: [{AGE}]\n"
            "fusion: {age: {knots: [[40, 40, 8], [20, 20, 8]]}}",
            "fusion.age", id="knots that go back",
        ),
        pytest.param(
            f"detector: [{FACES}]\nfusion: {{race: {{}}}}", "fusion.race",
            id="a task that we do not do",
        ),
    ],
)  # fmt: skip
def test_a_bundle_that_cannot_work_is_refused(cards: Path, told: str, sentence: str) -> None:
    path = cards / "bundles/odd.yaml"
    path.write_text(f"name: odd\ntitle: odd\n{told}\n")
    with pytest.raises(ModelError) as caught:
        load_bundle(cards, "odd")
    said = str(caught.value)
    assert sentence in said
    assert "\n" not in said
    assert str(path) in said or "nothing" in said


def test_heads_that_tell_other_labels_apart_cannot_be_pooled(cards: Path) -> None:
    spoil(
        cards / "emotion-human/card.yaml",
        "[angry, disgusted, fearful, happy, sad, surprised, neutral]",
        "[angry, happy, sad, surprised, neutral]",
    )
    with pytest.raises(ModelError) as caught:
        load_bundle(cards, "default")
    said = str(caught.value)
    assert "emotion-human and emotion-mini-xception have different labels for emotion" in said
    assert str(cards / "bundles/default.yaml") in said
    assert "\n" not in said


def test_heads_may_name_their_labels_in_any_order(cards: Path) -> None:
    spoil(
        cards / "emotion-human/card.yaml",
        "[angry, disgusted, fearful, happy, sad, surprised, neutral]",
        "[neutral, surprised, sad, happy, fearful, disgusted, angry]",
    )
    load_bundle(cards, "default")


def test_a_bundle_may_have_no_heads(cards: Path) -> None:
    (cards / "bundles/odd.yaml").write_text(f"name: odd\ntitle: odd\ndetector: [{FACES}]\n")
    assert load_bundle(cards, "odd").heads == ()
