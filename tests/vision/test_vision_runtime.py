"""The choice of a processor, with a stand-in for OpenVINO's core."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from kiosk.config import InferenceSettings
from kiosk.errors import AcceleratorError, ModelError
from kiosk.vision import BUILT, Card, load_card
from kiosk.vision.engine import seen_devices
from kiosk.vision.runtime import Models, Runtime
from tests.vision.sticks import CARDS, Core, load_all


@pytest.mark.parametrize(
    "choice",
    [
        pytest.param((Core(["CPU", "GPU.0"]), "GPU", ["CPU"], "GPU"), id="as wanted"),
        pytest.param((Core(["CPU"]), "NPU", ["GPU", "CPU"], "CPU"), id="devices missing"),
        pytest.param(
            (Core(["CPU", "GPU"], {"GPU": ["b.xml"]}), "GPU", ["CPU"], "CPU"), id="one not compiled"
        ),
        pytest.param((Core(["CPU", "MYRIAD"]), "MYRIAD", ["CPU"], "MYRIAD"), id="stick"),
        pytest.param((Core(["CPU"]), "AUTO", ["CPU"], "AUTO"), id="openvino chooses"),
    ],
)
def test_all_models_run_on_the_first_processor_that_takes_them_all(
    choice: tuple[Core, str, list[str], str], two_models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    core, wanted, fallback, used = choice
    settings = InferenceSettings(device=wanted, fallback=fallback, threads=2)
    runtime = Runtime(settings, two_models, core)
    with caplog.at_level(logging.WARNING):
        loaded = runtime.on_first_device(load_all)
    assert runtime.device == used
    assert [device for _, device, _ in core.compiled[-2:]] == [used, used]
    assert set(runtime.networks) == set(loaded), "those of a refused processor are dropped"
    said = f"event=accelerator_fallback wanted={wanted} using={used}" in caplog.text
    assert said == (used != wanted)


def test_threads_are_told_to_the_cpu_only(two_models: Path) -> None:
    core = Core(["CPU", "GPU"])
    for device in ("CPU", "GPU"):
        settings = InferenceSettings(device=device, threads=3)
        Runtime(settings, two_models, core).on_first_device(load_all)
    told = {device: options.get("INFERENCE_NUM_THREADS") for _, device, options in core.compiled}
    assert told == {"CPU": "3", "GPU": None}


def test_a_processor_is_told_nothing_that_its_plugin_does_not_know(two_models: Path) -> None:
    core = Core(["CPU", "GPU", "NPU", "MYRIAD"])
    core.options = {"GPU": ["PERFORMANCE_HINT", "NUM_STREAMS"], "NPU": ["NUM_STREAMS"]}
    for device in ("GPU", "NPU", "MYRIAD"):
        Runtime(InferenceSettings(device=device), two_models, core).on_first_device(load_all)
    told = {device: options for _, device, options in core.compiled}
    assert told == {"GPU": {"PERFORMANCE_HINT": "LATENCY"}, "NPU": {}, "MYRIAD": {}}


def test_when_none_can_run_them_every_reason_is_named(
    two_models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    core = Core(["CPU", "GPU"], {"CPU": ["a.xml"], "GPU": ["b.xml"]})
    settings = InferenceSettings(device="NPU", fallback=["GPU", "CPU", "GPU"])
    with pytest.raises(AcceleratorError) as caught:
        Runtime(settings, two_models, core).on_first_device(load_all)
    assert str(caught.value) == (
        "no processor can run the models (NPU: no such device here;"
        " GPU: b.xml: no kernel for Foo; CPU: a.xml: no kernel for Foo)"
    )
    assert "CPU, GPU" in str(caught.value.hint)
    assert caplog.text.count("event=accelerator_refused") == 3


def test_a_model_that_is_not_built_is_no_reason_to_try_another_processor(two_models: Path) -> None:
    (two_models / "b" / "b.xml").unlink()
    core = Core(["CPU", "GPU"])
    settings = InferenceSettings(device="GPU", fallback=["CPU"])
    with pytest.raises(ModelError, match=r"b\.xml: missing"):
        Runtime(settings, two_models, core).on_first_device(load_all)
    assert {device for _, device, _ in core.compiled} == {"GPU"}


def later(two_models: Path, core: Core) -> Models:
    """What loads models after the processor was chosen."""
    settings = InferenceSettings(device="GPU", fallback=["CPU"])
    kept: list[Models] = []

    def build(models: Models) -> None:
        load_all(models)
        kept[:] = [models]

    Runtime(settings, two_models, core).on_first_device(build)
    return kept[0]


def test_what_is_loaded_later_comes_to_the_chosen_processor_at_its_own_size(
    two_models: Path,
) -> None:
    core = Core(["CPU", "GPU"], {"GPU": ["b.xml"]})
    network = later(two_models, core).network(CARDS[0], 64, 96)
    assert core.compiled[-1][:2] == ("a.xml", "CPU")
    assert network.input.shape == (1, 64, 96, 3)


def test_a_processor_that_refuses_what_is_loaded_later_is_one_sentence(two_models: Path) -> None:
    """Such as the detector's shape for a camera that was turned on its side."""
    core = Core(["CPU", "GPU"])
    models = later(two_models, core)
    core.refused = {"GPU": ["a.xml"]}
    with pytest.raises(AcceleratorError, match=r"GPU: a\.xml: no kernel for Foo"):
        models.network(CARDS[0], 64, 96)


def test_what_is_loaded_later_comes_to_the_next_processor_when_the_chosen_one_is_gone(
    two_models: Path,
) -> None:
    core = Core(["CPU", "GPU"])
    models = later(two_models, core)
    core.available_devices = ["CPU"]
    models.network(CARDS[1], 64, 96)
    assert core.compiled[-1][:2] == ("b.xml", "CPU")


@pytest.mark.parametrize(
    ("precision", "files"), [("fp16", {"a.xml", "b.xml"}), ("int8", {"a-int8.xml", "b.xml"})]
)
def test_a_quantised_copy_is_taken_where_it_is_wanted_and_was_made(
    two_models: Path, precision: str, files: set[str]
) -> None:
    core = Core(["CPU"])
    Runtime(InferenceSettings(precision=precision), two_models, core).on_first_device(load_all)
    assert {name for name, _, _ in core.compiled} == files


@pytest.fixture(scope="module")
def gender(models_dir: Path) -> Card:
    card = load_card(models_dir, "gender-mini-xception")
    if not (models_dir / card.name / BUILT).is_file():
        pytest.skip(f"{card.name} is not built: run `kiosk models build --bundle all`")
    return card


def test_the_real_runtime_counts_the_time_of_its_inferences(models_dir: Path, gender: Card) -> None:
    assert "CPU" in seen_devices()
    runtime = Runtime(InferenceSettings(), models_dir)
    network = runtime.on_first_device(lambda models: models.network(gender))
    size = (gender.input.height_px, gender.input.width_px, gender.input.channels)
    assert network.input.shape == (1, *size)
    for count, look in enumerate((network.run, lambda: (network.start(), network.wait())[1])):
        (output,) = look().values()
        assert output.sum() == pytest.approx(1, abs=1e-3)
        assert 0 < runtime.take_inference_s() < 5
        assert runtime.take_inference_s() == 0
        (one,) = runtime.networks
        assert (one.name, one.runs) == (gender.name, count + 1)


def test_a_real_network_says_the_same_whether_it_is_waited_for_or_not(
    models_dir: Path, gender: Card
) -> None:
    runtime = Runtime(InferenceSettings(), models_dir)
    network = runtime.on_first_device(lambda models: models.network(gender))
    network.input[:] = np.random.default_rng(0).integers(0, 256, network.input.shape, np.uint8)
    (at_once,) = (value.copy() for value in network.run().values())
    network.start()
    (waited,) = network.wait().values()
    np.testing.assert_array_equal(at_once, waited)
