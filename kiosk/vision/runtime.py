"""The one place that talks to OpenVINO, old or new: choose a processor, load, infer."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kiosk.config import InferenceSettings
from kiosk.errors import AcceleratorError

log = logging.getLogger(__name__)

Image = NDArray[np.uint8]
Tensor = NDArray[np.float32]


class Network(Protocol):
    """A loaded model."""

    def infer(self, image: Image) -> dict[str, Tensor]:
        """Run on one uint8 image [1, height, width, channels]; outputs by tensor name."""
        ...


class Runtime:
    """Models on one processor, chosen from a configured order.

    Attributes:
        device: where the models run.
        inference_s: seconds spent in inference since the last :meth:`take_inference_s`.
    """

    def __init__(self, settings: InferenceSettings, core: Any = None) -> None:
        """Prepare the runtime; ``core`` stands in for OpenVINO's ``Core`` in tests."""
        self._core = core if core is not None else _new_core()
        self._order: list[str] = list(dict.fromkeys([settings.device, *settings.fallback]))
        self._threads = settings.threads
        self.device = self._order[0]
        self.inference_s = 0.0

    def load_all(self, models: Sequence[Path]) -> list[Network]:
        """Load every model (path of its .xml) on the first processor that takes them all.

        Raises:
            AcceleratorError: no configured processor can run them; each one's reason is named.
        """
        reasons = []
        for device in self._order:
            try:
                networks: list[Network] = [self._load(path, device) for path in models]
            except (RuntimeError, ValueError) as bad:
                reason = _reason(bad)
                reasons.append(f"{device}: {reason}")
                log.warning("event=accelerator_refused device=%s reason=%s", device, reason)
                continue
            self.device = device
            if device != self._order[0]:
                log.warning("event=accelerator_fallback wanted=%s using=%s", self._order[0], device)
            return networks
        raise AcceleratorError(
            f"no processor can run the models ({'; '.join(reasons)})",
            hint=f"OpenVINO sees {', '.join(self._core.available_devices) or 'none'};"
            " set vision.inference.device and vision.inference.fallback",
        )

    def _load(self, path: Path, device: str) -> OpenVinoNetwork:
        seen = [name.split(".")[0] for name in self._core.available_devices]
        if device != "AUTO" and device not in seen:
            raise ValueError("no such device here")
        options = {"PERFORMANCE_HINT": "LATENCY"}
        if device == "CPU":
            options["INFERENCE_NUM_THREADS"] = str(self._threads)
        model = self._core.read_model(str(path))
        return OpenVinoNetwork(self, self._core.compile_model(model, device, options))

    def take_inference_s(self) -> float:
        """Seconds of inference since the last call."""
        spent, self.inference_s = self.inference_s, 0.0
        return spent


class OpenVinoNetwork:
    """A compiled model with one request of its own."""

    def __init__(self, runtime: Runtime, compiled: Any) -> None:
        self._runtime = runtime
        self._request = compiled.create_infer_request()
        self._names = [output.get_any_name() for output in compiled.outputs]

    def infer(self, image: Image) -> dict[str, Tensor]:
        """Run on one image; the arrays are valid until the next call.

        Raises:
            AcceleratorError: the processor failed, such as one that was unplugged.
        """
        begun = time.perf_counter()
        try:
            self._request.infer([image])
        except RuntimeError as bad:
            raise AcceleratorError(f"{self._runtime.device}: {_reason(bad)}") from bad
        self._runtime.inference_s += time.perf_counter() - begun
        return {
            name: self._request.get_output_tensor(index).data
            for index, name in enumerate(self._names)
        }


def seen_devices() -> list[str]:
    """Processors that OpenVINO sees on this machine, such as CPU and GPU."""
    names = [str(name).split(".")[0] for name in _new_core().available_devices]
    return list(dict.fromkeys(names))


def _new_core() -> Any:
    try:
        from openvino import Core
    except ImportError:
        from openvino.runtime import Core  # OpenVINO 2022.3 LTS, the last with MYRIAD
    return Core()


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:200]
