"""Stand-ins for OpenVINO's core whose processors fail on cue: refused, lost, hanging, back."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kiosk.vision import load_card
from kiosk.vision.engine import openvino_core
from kiosk.vision.runtime import Models, Network
from tests.vision.fakes import MODELS_IR

GENDER = load_card(MODELS_IR, "gender-dlib-v1")
CARDS = [GENDER.model_copy(update={"name": name}) for name in ("a", "b")]
"""Those of the models in the fixture `two_models`."""


def load_all(models: Models) -> list[Network]:
    return [models.network(card) for card in CARDS]


X_LINK = "Exception from src/inference\nFailed to read output from FIFO: X_LINK_ERROR"
"""How the plugin of the Neural Compute Stick 2 says that the stick is gone."""


@dataclass
class Cues:
    """What a processor does next.

    Attributes:
        good: how many requests it still answers; ``None``: all.
        at_start: a request fails when it begins, not when it is waited for.
        hangs: a request that fails does not fail, but never returns.
        loading_hangs: a model that is loaded is never ready.
        asked: how many requests it has had.
    """

    good: int | None = None
    at_start: bool = False
    hangs: bool = False
    loading_hangs: bool = False
    asked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    freed: threading.Event = field(default_factory=threading.Event)

    def answers(self) -> bool:
        """Whether the request that begins now is answered."""
        with self.lock:
            self.asked += 1
            if self.good is None:
                return True
            self.good -= 1
            return self.good >= 0


class Core:
    """Devices without hardware, and the models that each cannot compile."""

    def __init__(self, devices: list[str], refused: dict[str, list[str]] | None = None) -> None:
        self.available_devices = devices
        self.refused = refused or {}
        self.compiled: list[tuple[str, str, dict[str, str]]] = []
        self.cues = {name.split(".")[0]: Cues() for name in [*devices, "AUTO", "MYRIAD"]}
        self.options = {name: ["PERFORMANCE_HINT"] for name in ("AUTO", "GPU", "NPU")}

    def get_property(self, device: str, key: str) -> list[str]:
        assert key == "SUPPORTED_PROPERTIES"
        if device not in self.options:
            raise RuntimeError(f"{device}: unsupported metric {key}")
        return self.options[device]

    def read_model(self, path: str) -> _Model:
        return _Model(Path(path).name)

    def compile_model(self, model: _Model, device: str, options: dict[str, str]) -> Any:
        if model.name in self.refused.get(device, []):
            raise RuntimeError(
                f"Exception from core:\nCheck failed\n\n{model.name}: no kernel for Foo\n"
            )
        self.compiled.append((model.name, device, options))
        cues = self.cues[device]
        if cues.loading_hangs:
            cues.freed.wait()
        return Compiled(_Network(model), cues)


class _Model:
    def __init__(self, name: str) -> None:
        self.name = name
        self.shape = [1, 32, 32, 3]

    def input(self, _place: int) -> _Model:
        return self

    def reshape(self, shape: list[int]) -> None:
        self.shape = shape


class _Network:
    """Says how bright its input is."""

    def __init__(self, model: _Model) -> None:
        self._input = np.zeros(model.shape, np.uint8)
        self._output = np.zeros(1, np.float32)
        self.outputs = [self]

    def get_names(self) -> set[str]:
        return {"brightness"}

    def create_infer_request(self) -> _Network:
        return self

    def get_input_tensor(self) -> Any:
        return _Tensor(self._input)

    def get_output_tensor(self, _place: int) -> Any:
        return _Tensor(self._output)

    def infer(self) -> None:
        self._output[0] = self._input.mean()

    start_async = infer

    def wait(self) -> None:
        """It was done at once."""

    def wait_for(self, _milliseconds: int) -> bool:
        return True


class _Tensor:
    def __init__(self, data: Any) -> None:
        self.data = data


class Compiled:
    """A compiled model, played or real, whose requests fail on cue."""

    def __init__(self, compiled: Any, cues: Cues) -> None:
        self._compiled = compiled
        self._cues = cues
        self.outputs = compiled.outputs

    def create_infer_request(self) -> Request:
        return Request(self._compiled.create_infer_request(), self._cues)


class Request:
    """A request that fails on cue, and must not be let go of while it is under way."""

    def __init__(self, request: Any, cues: Cues) -> None:
        self._request = request
        self._cues = cues
        self._fails = self._hangs = False
        self.get_input_tensor = request.get_input_tensor
        self.get_output_tensor = request.get_output_tensor

    def infer(self) -> None:
        self.start_async()
        self.wait()

    def start_async(self) -> None:
        bad = not self._cues.answers()
        self._hangs = bad and self._cues.hangs
        self._fails = bad and not self._hangs
        if self._fails and self._cues.at_start:
            raise RuntimeError(X_LINK)
        if not bad:
            self._request.start_async()

    def wait(self) -> None:
        assert not self._hangs, "this would never return"
        if self._fails:
            raise RuntimeError(X_LINK)
        self._request.wait()

    def wait_for(self, milliseconds: int) -> bool:
        if self._hangs and not self._cues.freed.wait(milliseconds / 1000):
            return False
        if self._fails or self._hangs:
            raise RuntimeError(X_LINK)
        return bool(self._request.wait_for(milliseconds))

    def __del__(self) -> None:
        if self._hangs and not self._cues.freed.is_set():
            destroyed_under_way.append(self)


destroyed_under_way: list[Request] = []
"""Requests that were let go of before their end, where the real one would have hung for ever."""


class Stick:
    """The real OpenVINO, whose CPU is also there by the name of a stick that fails on cue."""

    def __init__(self) -> None:
        self._core = openvino_core()
        self.available_devices = ["CPU", "MYRIAD"]
        self.cues = Cues()

    def get_property(self, _device: str, _key: str) -> dict[str, str]:
        return {"PERFORMANCE_HINT": "RW"}

    def read_model(self, path: str) -> Any:
        return self._core.read_model(path)

    def compile_model(self, model: Any, device: str, options: dict[str, str]) -> Any:
        if device == "CPU":
            return self._core.compile_model(model, device, options)
        threads = {"INFERENCE_NUM_THREADS": "1"}
        return Compiled(self._core.compile_model(model, "CPU", {**options, **threads}), self.cues)
