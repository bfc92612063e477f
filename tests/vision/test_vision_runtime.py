"""The choice of a processor, with a stand-in for OpenVINO's core that fails on cue."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kiosk.config import InferenceSettings
from kiosk.errors import AcceleratorError
from kiosk.vision.runtime import Runtime, seen_devices

MODELS = [Path("a.xml"), Path("b.xml")]


class Core:
    """Devices, and the models that each cannot compile."""

    def __init__(self, devices: list[str], refused: dict[str, list[str]] | None = None) -> None:
        self.available_devices = devices
        self.refused = refused or {}
        self.compiled: list[tuple[str, str, dict[str, str]]] = []
        self.unplugged = False

    def read_model(self, path: str) -> str:
        return path

    def compile_model(self, model: str, device: str, options: dict[str, str]) -> Any:
        if model in self.refused.get(device, []):
            raise RuntimeError(
                f"Exception from core:\nCheck failed\n\n{model}: no kernel for Foo\n"
            )
        self.compiled.append((model, device, options))
        return _Compiled(self)


class _Compiled:
    outputs = ()

    def __init__(self, core: Core) -> None:
        self._core = core

    def create_infer_request(self) -> _Compiled:
        return self

    def infer(self, _inputs: Any) -> None:
        if self._core.unplugged:
            raise RuntimeError("Exception\nUSB device is gone")


@pytest.mark.parametrize(
    ("core", "wanted", "fallback", "used"),
    [
        pytest.param(Core(["CPU", "GPU.0"]), "GPU", ["CPU"], "GPU", id="as wanted"),
        pytest.param(Core(["CPU"]), "NPU", ["GPU", "CPU"], "CPU", id="devices missing"),
        pytest.param(
            Core(["CPU", "GPU"], {"GPU": ["b.xml"]}), "GPU", ["CPU"], "CPU", id="one not compiled"
        ),
        pytest.param(Core(["CPU", "MYRIAD"]), "MYRIAD", ["CPU"], "MYRIAD", id="stick"),
        pytest.param(Core(["CPU"]), "AUTO", ["CPU"], "AUTO", id="openvino chooses"),
    ],
)
def test_all_models_run_on_the_first_processor_that_takes_them_all(
    core: Core, wanted: str, fallback: list[str], used: str, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = Runtime(InferenceSettings(device=wanted, fallback=fallback, threads=2), core)
    with caplog.at_level(logging.WARNING):
        assert len(runtime.load_all(MODELS)) == 2
    assert runtime.device == used
    assert [device for _, device, _ in core.compiled[-2:]] == [used, used]
    said = f"event=accelerator_fallback wanted={wanted} using={used}" in caplog.text
    assert said == (used != wanted)


def test_threads_are_told_to_the_cpu_only() -> None:
    core = Core(["CPU", "GPU"])
    for device in ("CPU", "GPU"):
        Runtime(InferenceSettings(device=device, threads=3), core).load_all(MODELS)
    told = {device: options.get("INFERENCE_NUM_THREADS") for _, device, options in core.compiled}
    assert told == {"CPU": "3", "GPU": None}


def test_when_none_can_run_them_every_reason_is_named(caplog: pytest.LogCaptureFixture) -> None:
    core = Core(["CPU", "GPU"], {"CPU": ["a.xml"], "GPU": ["b.xml"]})
    runtime = Runtime(InferenceSettings(device="NPU", fallback=["GPU", "CPU", "GPU"]), core)
    with pytest.raises(AcceleratorError) as caught:
        runtime.load_all(MODELS)
    assert str(caught.value) == (
        "no processor can run the models (NPU: no such device here;"
        " GPU: b.xml: no kernel for Foo; CPU: a.xml: no kernel for Foo)"
    )
    assert "CPU, GPU" in str(caught.value.hint)
    assert caplog.text.count("event=accelerator_refused") == 3


def test_a_processor_that_is_unplugged_is_one_sentence() -> None:
    core = Core(["CPU", "MYRIAD"])
    runtime = Runtime(InferenceSettings(device="MYRIAD"), core)
    network, _ = runtime.load_all(MODELS)
    network.infer(np.zeros((1, 2, 2, 3), np.uint8))
    core.unplugged = True
    with pytest.raises(AcceleratorError, match="MYRIAD: USB device is gone"):
        network.infer(np.zeros((1, 2, 2, 3), np.uint8))


def test_the_real_runtime_counts_the_time_of_its_inferences(models_dir: Path) -> None:
    assert "CPU" in seen_devices()
    runtime = Runtime(InferenceSettings())
    name = "gender-dlib-v1"
    (network,) = runtime.load_all([models_dir / name / f"{name}.xml"])
    (output,) = network.infer(np.zeros((1, 32, 32, 3), np.uint8)).values()
    assert output.sum() == pytest.approx(1, abs=1e-3)
    assert 0 < runtime.take_inference_s() < 5
    assert runtime.take_inference_s() == 0
