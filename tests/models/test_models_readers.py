"""Graphs that are built of published weights, against other implementations of the networks."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from kiosk.errors import ModelError
from kiosk.vision import BUILT, checked_ir, load_card, openvino_core
from tests.models.publisher import keras_file, publish

ov = pytest.importorskip("openvino")
MODELS = Path(__file__).resolve().parents[2] / "models_ir"


def pattern(side: int) -> NDArray[np.uint8]:
    """Two ramps and a chequerboard: uint8 RGB [side, side, 3]."""
    y, x = np.mgrid[:side, :side]
    ramps = [x * 255 // (side - 1), y * 255 // (side - 1)]
    return np.stack([*ramps, ((x // 8 + y // 8) % 2) * 255], axis=-1).astype(np.uint8)


def answers(name: str, side: int) -> dict[str, NDArray[np.float32]]:
    """What a built model says of the pattern, in float32 arithmetic."""
    if not (MODELS / name / BUILT).is_file():
        pytest.skip(f"{name} is not built: run `kiosk models build --bundle all`")
    model = openvino_core().read_model(str(checked_ir(MODELS, name)))
    channels = int(model.input(0).shape[3])
    model.reshape([1, side, side, channels])
    compiled = openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    fed = np.ascontiguousarray(pattern(side)[None, ..., ::-1])
    return {port.get_any_name(): value for port, value in compiled(fed).items()}


# Of the package's own code on TensorFlow.js, fed with the pattern.
FACE_API = {
    "tiny-face-detector": (
        416, "cells",
        [0.44364, -0.40961, -0.29113, -0.55899, -7.37583, 3.00008, -2.31052, -0.01853, -0.1288,
         -13.87912],
        0.01,
    ),
    "age-gender-face-api": (112, "age", [39.68198], 0.05),
    "emotion-face-api": (
        112, "expression", [0.22534, 0.06824, 0.64837, 0.04115, 0.00568, 0.00025, 0.01097], 0.003,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FACE_API)
def test_a_network_of_face_api_answers_as_its_own_code_does(name: str) -> None:
    side, output, expected, tolerance = FACE_API[name]
    found = answers(name, side)[output]
    row = found[0, 6, 6, :10] if found.ndim == 4 else found.reshape(-1)
    assert row == pytest.approx(expected, abs=tolerance)


def test_gender_of_face_api_is_that_of_its_own_code() -> None:
    gender = answers("age-gender-face-api", 112)["gender"]
    assert gender.reshape(-1) == pytest.approx([0.97101, 0.02899], abs=0.002)


def test_faceres_answers_as_on_tensorflow_js_and_gives_out_nothing_else() -> None:
    found = answers("faceres", 224)
    assert {name: value.shape for name, value in found.items()} == {
        "age_pred/Softmax": (1, 100),
        "gender_pred/Sigmoid": (1, 1),
    }
    years = float(found["age_pred/Softmax"][0] @ np.arange(1, 101))
    assert years == pytest.approx(36.977, abs=0.02)
    assert float(found["gender_pred/Sigmoid"][0, 0]) == pytest.approx(0.68423, abs=0.001)


# Of an ONNX file of the same networks, made by others, on ONNX Runtime.
MTCNN = {
    "mtcnn-pnet": (
        12, {"boxes": [0.05773, -0.21287, 0.00534, 0.02866], "faces": [0.99979, 0.00021]},
    ),
    "mtcnn-rnet": (24, {"boxes": [0.09858, -0.22483, 0.26167, 0.25613], "faces": [0.9998, 0.0002]}),
    "mtcnn-onet": (
        48,
        {
            "boxes": [0.05935, -0.21814, -0.038, -0.03675],
            "points": [0.31121, 0.68642, 0.44498, 0.42791, 0.67564, 0.24212, 0.1643, 0.49889,
                       0.78988, 0.76442],
            "faces": [0.99997, 0.00003],
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MTCNN)
def test_a_network_of_mtcnn_answers_as_another_conversion_of_it(name: str) -> None:
    side, expected = MTCNN[name]
    found = answers(name, side)
    for output, numbers in expected.items():
        assert found[output].reshape(-1) == pytest.approx(numbers, abs=0.003), output


def test_mini_xception_from_its_first_form_is_the_published_conversion_of_it() -> None:
    side = 64
    ours, theirs = (
        answers_to_grey(name, side)
        for name in ("emotion-mini-xception-hdf5", "emotion-mini-xception")
    )
    # The published conversion computes in eight bits.
    assert np.abs(ours - theirs).max() < 0.02


def answers_to_grey(name: str, side: int) -> NDArray[np.float32]:
    if not (MODELS / name / BUILT).is_file():
        pytest.skip(f"{name} is not built: run `kiosk models build --bundle all`")
    compiled = openvino_core().compile_model(str(checked_ir(MODELS, name)), "CPU")
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (4, 8, 8, 1), np.uint8).repeat(side // 8, 1)
    images = coarse.repeat(side // 8, 2)
    return np.concatenate([next(iter(compiled(image[None]).values())) for image in images])


@pytest.mark.parametrize("size", [(128, 128), (352, 608), (480, 480), (608, 352)])
def test_yunet_takes_other_sizes_when_it_is_loaded(size: tuple[int, int]) -> None:
    name = "face-detection-yunet"
    if not (MODELS / name / BUILT).is_file():
        pytest.skip("the models are not built: run `kiosk models build`")
    card = load_card(MODELS, name)
    model = openvino_core().read_model(str(checked_ir(MODELS, name)))
    model.reshape([1, *size, 3])
    outputs = openvino_core().compile_model(model, "CPU")(np.zeros((1, *size, 3), np.uint8))
    shapes = {port.get_any_name(): value.shape for port, value in outputs.items()}
    assert card.faces is not None
    assert list(shapes) == card.faces.outputs
    for stride in (8, 16, 32):
        cells = size[0] * size[1] // stride**2
        assert shapes[f"cls_{stride}"] == (1, cells, 1)
        assert shapes[f"kps_{stride}"] == (1, cells, 10)


def conv(image: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """OpenCV's correlation [rows, columns, in] with a kernel [h, w, in, out], zeros beside it."""
    planes = [
        sum(
            cv2.filter2D(image[..., source], -1, kernel[..., source, target],
                         borderType=cv2.BORDER_CONSTANT)
            for source in range(kernel.shape[2])
        )
        for target in range(kernel.shape[3])
    ]  # fmt: skip
    return np.stack(planes, axis=-1)


def test_each_kind_of_keras_layer_computes_what_it_is_defined_to(tmp_path: Path) -> None:
    from kiosk.models.readers.keras import read

    models, _ = publish(tmp_path)
    w = keras_file(tmp_path / "source.hdf5")
    model = read(load_card(models, "tiny"), tmp_path)
    image = np.random.default_rng(2).normal(0, 1, (9, 9, 1)).astype(np.float32)
    (found,) = openvino_core().compile_model(model, "CPU")(image[None]).values()

    x = conv(image, w["conv/kernel"])
    x = (x - w["norm/moving_mean"]) / np.sqrt(w["norm/moving_variance"] + 0.001)
    x = np.maximum(x * w["norm/gamma"] + w["norm/beta"], 0)
    each = [conv(x[..., i : i + 1], w["separable/depthwise_kernel"][:, :, i : i + 1])
            for i in range(4)]  # fmt: skip
    x = conv(np.concatenate(each, -1), w["separable/pointwise_kernel"])
    x = np.maximum(x + w["separable/bias"], 0)
    # 3x3 every second pixel; nine pixels are five windows, the outermost reach one beyond.
    high = np.pad(x, ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    pooled = np.stack([[high[2 * r : 2 * r + 3, 2 * c : 2 * c + 3].max((0, 1))
                        for c in range(5)] for r in range(5)])  # fmt: skip
    short = conv(image, w["short/kernel"])[::2, ::2] + w["short/bias"]
    logits = (pooled + short).mean((0, 1))
    expected = np.exp(logits) / np.exp(logits).sum()
    assert found.reshape(-1) == pytest.approx(expected, abs=2e-4)


def test_a_keras_layer_of_an_unknown_kind_is_named(tmp_path: Path) -> None:
    import h5py

    from kiosk.models.readers.keras import read

    models, _ = publish(tmp_path)
    keras_file(tmp_path / "source.hdf5")
    with h5py.File(tmp_path / "source.hdf5", "a") as file:
        text = str(file.attrs["model_config"])
        file.attrs["model_config"] = text.replace('"Add"', '"Lambda"')
    with pytest.raises(ModelError, match="tiny: sum: a layer Lambda of this form is not known"):
        read(load_card(models, "tiny"), tmp_path)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run!",)


def test_a_dump_with_code_in_it_is_refused_before_it_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from kiosk.models.readers.mtcnn import dumped_arrays

    with pytest.raises(pickle.UnpicklingError, match="print is not an array"):
        dumped_arrays(pickle.dumps([Evil()]))
    assert capsys.readouterr().out == ""
    with pytest.raises(pickle.UnpicklingError, match="not a list of arrays"):
        dumped_arrays(pickle.dumps({"a": 1}))


@pytest.mark.parametrize(
    ("reader", "network"), [("faceapi", "age-gender"), ("mtcnn", "pnet"), ("keras", "")]
)
def test_a_file_that_is_something_else_is_a_sentence(
    tmp_path: Path, reader: str, network: str
) -> None:
    pytest.importorskip("lz4", reason="kiosk[models] is not installed")
    from kiosk.models.readers import read_graph

    models, _ = publish(tmp_path)
    card = load_card(models, "tiny").model_copy(update={"reader": reader, "network": network})
    for suffix in (".json", ".bin", ".lz4", ".hdf5"):
        (tmp_path / f"source{suffix}").write_bytes(b"something else")
    with pytest.raises(ModelError, match=r"^tiny: not "):
        read_graph(card, tmp_path)
    if network:
        card = card.model_copy(update={"network": "unheard-of"})
        with pytest.raises(ModelError, match="network: 'unheard-of' is not one of"):
            read_graph(card, tmp_path)
