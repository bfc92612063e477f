"""The one place that talks to OpenVINO, old or new: choose a processor, load, infer."""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Protocol, TypeVar
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from kiosk.config import InferenceSettings
from kiosk.errors import AcceleratorError
from kiosk.vision.cards import Card
from kiosk.vision.ir import checked_ir

log = logging.getLogger(__name__)

Image = NDArray[np.uint8]
Tensor = NDArray[np.float32]
Loaded = TypeVar("Loaded")


class Network(Protocol):
    """A loaded model.

    Attributes:
        input: uint8 [1, height, width, channels], what it will look at; drawn into in place, so
            that no picture is copied.
    """

    input: Image

    def run(self) -> dict[str, Tensor]:
        """Look at :attr:`input`; outputs by tensor name, valid until the next run."""
        ...

    def start(self) -> None:
        """Begin to look at :attr:`input`, which must stay as it is until :meth:`wait`."""
        ...

    def wait(self) -> dict[str, Tensor]:
        """Outputs of what was started, as of :meth:`run`."""
        ...


class Models(Protocol):
    """Where the parts of the pipeline get their models from."""

    def network(self, card: Card, height_px: int = 0, width_px: int = 0) -> Network:
        """Load a model, for images of another size than its card's when one is given."""
        ...

    def file(self, card: Card) -> Path:
        """The checked file of a model that is not a graph."""
        ...


class Runtime:
    """Models on one processor, chosen from a configured order.

    Attributes:
        device: where the models run.
        networks: every network that is loaded.
        inference_s: seconds spent in inference since the last :meth:`take_inference_s`.
    """

    def __init__(self, settings: InferenceSettings, models_dir: Path, core: Any = None) -> None:
        """Prepare the runtime; ``core`` stands in for OpenVINO's ``Core`` in tests."""
        self._core = core if core is not None else openvino_core()
        self._order: list[str] = list(dict.fromkeys([settings.device, *settings.fallback]))
        self._threads = settings.threads
        self._int8 = settings.precision == "int8"
        self._models_dir = models_dir
        self.device = self._order[0]
        self.networks: WeakSet[OpenVinoNetwork] = WeakSet()
        self.inference_s = 0.0
        self._ended = 0.0

    def on_first_device(self, build: Callable[[Models], Loaded]) -> Loaded:
        """Call ``build`` for one processor after the other until its models load.

        What it makes may go on loading models later: they come to the same processor.

        Raises:
            AcceleratorError: no configured processor can run them; each one's reason is named.
        """
        reasons = []
        for device in self._order:
            self.networks = WeakSet()
            try:
                built = build(_DeviceModels(self, device))
            except AcceleratorError as bad:
                reason = str(bad).removeprefix(f"{device}: ")
                reasons.append(f"{device}: {reason}")
                log.warning("event=accelerator_refused device=%s reason=%s", device, reason)
                continue
            self.device = device
            if device != self._order[0]:
                log.warning("event=accelerator_fallback wanted=%s using=%s", self._order[0], device)
            return built
        raise AcceleratorError(
            f"no processor can run the models ({'; '.join(reasons)})",
            hint=f"OpenVINO sees {', '.join(self._core.available_devices) or 'none'};"
            " set vision.inference.device and vision.inference.fallback",
        )

    def path(self, card: Card) -> Path:
        """The built file of a model, checked."""
        return checked_ir(self._models_dir, card.name, int8=self._int8)

    def load(self, path: Path, device: str, size: tuple[int, int] | None) -> OpenVinoNetwork:
        """Load one file on one processor, with its input at (height, width) if given.

        Raises:
            AcceleratorError: the processor is not there, or does not take the model.
        """
        seen = [name.split(".")[0] for name in self._core.available_devices]
        if device != "AUTO" and device not in seen:
            raise AcceleratorError(f"{device}: no such device here")
        options = {"PERFORMANCE_HINT": "LATENCY"}
        if device == "CPU":
            options["INFERENCE_NUM_THREADS"] = str(self._threads)
        try:
            model = self._core.read_model(str(path))
            if size is not None:
                model.reshape([1, *size, int(model.input(0).shape[3])])
            compiled = self._core.compile_model(model, device, options)
            # On one thread of the processor nothing overlaps, and waking another thread costs.
            beside = device != "CPU" or self._threads > 1
            network = OpenVinoNetwork(self, path.stem, compiled, beside=beside)
        except (RuntimeError, ValueError) as bad:
            raise AcceleratorError(f"{device}: {_reason(bad)}") from bad
        self.networks.add(network)
        return network

    def spent(self, begun: float) -> None:
        """An inference that began then is over; time in which several ran counts once."""
        now = time.perf_counter()
        self.inference_s += now - max(begun, self._ended)
        self._ended = now

    def take_inference_s(self) -> float:
        """Seconds of inference since the last call."""
        spent, self.inference_s = self.inference_s, 0.0
        return spent


class _DeviceModels:
    """Models of one runtime on one of its processors."""

    def __init__(self, runtime: Runtime, device: str) -> None:
        self._runtime = runtime
        self._device = device

    def network(self, card: Card, height_px: int = 0, width_px: int = 0) -> Network:
        wanted = (height_px or card.input.height_px, width_px or card.input.width_px)
        size = None if wanted == (card.input.height_px, card.input.width_px) else wanted
        return self._runtime.load(self._runtime.path(card), self._device, size)

    def file(self, card: Card) -> Path:
        return self._runtime.path(card)


class OpenVinoNetwork:
    """A compiled model with one request of its own; see :class:`Network`.

    Attributes:
        name: of the model.
        runs: how often it was run.
    """

    def __init__(self, runtime: Runtime, name: str, compiled: Any, *, beside: bool) -> None:
        """Make a request.

        Args:
            runtime: is told the time spent.
            name: of the model.
            compiled: OpenVINO's model.
            beside: what is started runs beside the caller, not at once.
        """
        self._beside = beside
        self.name = name
        self.runs = 0
        self._runtime = runtime
        self._request = compiled.create_infer_request()
        self.input: Image = self._request.get_input_tensor().data
        # A converter may give one tensor several names.
        self._names = [sorted(output.get_names()) for output in compiled.outputs]
        self._begun = 0.0

    def run(self) -> dict[str, Tensor]:
        """Look at the input.

        Raises:
            AcceleratorError: the processor failed, such as one that was unplugged.
        """
        begun = time.perf_counter()
        self._guarded(self._request.infer)
        self._runtime.spent(begun)
        return self._outputs()

    def start(self) -> None:
        """Begin to look at the input; raises as :meth:`run` does."""
        self._begun = time.perf_counter()
        if self._beside:
            self._guarded(self._request.start_async)

    def wait(self) -> dict[str, Tensor]:
        """Outputs of what was started; raises as :meth:`run` does."""
        if not self._beside:
            return self.run()
        self._guarded(self._request.wait)
        self._runtime.spent(self._begun)
        return self._outputs()

    def _outputs(self) -> dict[str, Tensor]:
        self.runs += 1
        outputs: dict[str, Tensor] = {}
        for index, names in enumerate(self._names):
            data = self._request.get_output_tensor(index).data
            for name in names:
                outputs[name] = data
        return outputs

    def _guarded(self, call: Callable[[], object]) -> None:
        try:
            call()
        except RuntimeError as bad:
            raise AcceleratorError(f"{self._runtime.device}: {_reason(bad)}") from bad


def seen_devices() -> list[str]:
    """Processors that OpenVINO sees on this machine, such as CPU and GPU."""
    names = [str(name).split(".")[0] for name in openvino_core().available_devices]
    return list(dict.fromkeys(names))


@lru_cache(maxsize=1)
def openvino_core() -> Any:
    """OpenVINO's ``Core``, one for the whole process, and never destroyed.

    Its CPU plugin sets an alternate signal stack and puts the one before back at its end. Where two
    cores end in the order in which they began, what is put back has been freed, and the next signal
    is fatal.
    """
    try:
        from openvino import Core
    except ImportError:
        from openvino.runtime import Core  # OpenVINO 2022.3 LTS, the last with MYRIAD
    return Core()


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:200]
