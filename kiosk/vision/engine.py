"""The one place that talks to OpenVINO, old or new: see processors, load a model, infer."""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
from numpy.typing import NDArray

from kiosk.config import InferenceSettings
from kiosk.errors import AcceleratorError
from kiosk.vision.aside import Aside, leaving

Image = NDArray[np.uint8]
Tensor = NDArray[np.float32]

Wanted = tuple[Path, Optional[tuple[int, int]]]
"""A model's file, and the (height, width) of its input where that is not its card's."""


class Engine:
    """One model on one processor, with one request of its own.

    Attributes:
        device: the processor.
        input: uint8 [1, height, width, channels], what it will look at.
    """

    def __init__(self, compiled: Any, device: str, beside: bool, patience_s: float) -> None:
        """Make a request.

        Args:
            compiled: OpenVINO's model.
            device: the processor.
            beside: what is started runs beside the caller, not at once.
            patience_s: longest wait for an answer; 0: for ever.
        """
        self.device = device
        self._beside = beside
        self._patience_s = patience_s
        self._request = compiled.create_infer_request()
        self.input: Image = self._request.get_input_tensor().data
        # A converter may give one tensor several names.
        self._names = [sorted(output.get_names()) for output in compiled.outputs]
        self._started = False

    def start(self) -> None:
        """Begin to look at the input, where that runs beside the caller.

        Raises:
            AcceleratorError: the processor failed, such as one that was unplugged.
        """
        if self._beside:
            self._guarded(self._request.start_async)
            self._started = True

    def finish(self) -> None:
        """Wait for what was started, or look at the input now.

        Raises:
            AcceleratorError: the processor failed, or does not answer.
        """
        if not self._started:
            if not self._patience_s:
                self._guarded(self._request.infer)
                return
            self._guarded(self._request.start_async)
            self._started = True
        if not self._patience_s:
            self._guarded(self._request.wait)
        elif not self._guarded(lambda: self._request.wait_for(round(self._patience_s * 1000))):
            raise AcceleratorError(f"{self.device}: no answer in {self._patience_s:g} s")
        self._started = False

    def outputs(self) -> dict[str, Tensor]:
        """What came out, by tensor name, valid until the next look."""
        outputs: dict[str, Tensor] = {}
        for index, names in enumerate(self._names):
            data = self._request.get_output_tensor(index).data
            for name in names:
                outputs[name] = data
        return outputs

    @property
    def over(self) -> bool:
        """Nothing is under way: the request may be destroyed, which else waits for its end."""
        if self._started:
            try:
                self._started = not self._request.wait_for(0)
            except RuntimeError:
                self._started = False
        return not self._started

    def _guarded(self, call: Callable[[], object]) -> object:
        try:
            return call()
        except RuntimeError as bad:
            self._started = False
            raise AcceleratorError(f"{self.device}: {_reason(bad)}") from bad


_unanswered: list[tuple[str, Aside[Any] | Engine]] = []
"""Calls and requests that did not return in time, each with its processor. The process keeps them:
to destroy one waits for its end."""
_keeping = threading.Lock()


class Processors:
    """OpenVINO's processors, and models on them."""

    def __init__(self, settings: InferenceSettings, core: Any = None) -> None:
        """Prepare; ``core`` stands in for OpenVINO's ``Core`` in tests."""
        self._core = core if core is not None else openvino_core()
        self._settings = settings

    def seen(self) -> list[str]:
        """Processors that OpenVINO sees now, such as CPU and GPU."""
        names = [str(name).split(".")[0] for name in self._core.available_devices]
        return list(dict.fromkeys(names))

    def load(self, path: Path, device: str, size: Optional[tuple[int, int]]) -> Engine:
        """Load one file on one processor, with its input at (height, width) if given.

        Raises:
            AcceleratorError: the processor is not there, does not take the model, or hangs.
        """
        if leaving.is_set():
            raise AcceleratorError(f"{device}: nothing is loaded, because the process ends")
        if device != "AUTO" and device not in self.seen():
            raise AcceleratorError(f"{device}: no such device here")
        try:
            if device == "CPU":
                return self._loaded(path, device, size)
            aside = Aside(lambda: self._loaded(path, device, size), f"load-{device}")
            if not aside.wait(self._settings.load_s):
                _keep(device, aside)
                raise AcceleratorError(
                    f"{device}: does not load {path.stem} within {self._settings.load_s:g} s"
                )
            return aside.answer()
        except (RuntimeError, ValueError) as bad:
            raise AcceleratorError(f"{device}: {_reason(bad)}") from bad

    def _loaded(self, path: Path, device: str, size: Optional[tuple[int, int]]) -> Engine:
        model = self._core.read_model(str(path))
        if size is not None:
            model.reshape([1, *size, int(model.input(0).shape[3])])
        compiled = self._core.compile_model(model, device, self._options(device))
        on_cpu, threads = device == "CPU", self._settings.threads
        # On one thread of the processor nothing overlaps, and waking another thread costs.
        beside = not on_cpu or threads > 1
        # This process is on the same processor: where it hangs, the watchdog is who notices.
        return Engine(compiled, device, beside, 0 if on_cpu else self._settings.answer_s)

    def tried(self, file: Wanted, device: str) -> Engine:
        """Load a file and have it look at something once, which shows that it works.

        Raises:
            AcceleratorError: as :meth:`load`, or it does not answer.
        """
        engine = self.load(file[0], device, file[1])
        try:
            engine.finish()
        finally:
            self.retire(engine)
        return engine

    def _options(self, device: str) -> dict[str, str]:
        if device == "CPU":
            threads = str(self._settings.threads)
            return {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
        # Plugins differ, by kind and by age; an option that one does not know is an error to it.
        try:
            known = {str(key) for key in self._core.get_property(device, "SUPPORTED_PROPERTIES")}
        except RuntimeError:
            known = set()
        return {"PERFORMANCE_HINT": "LATENCY"} if "PERFORMANCE_HINT" in known else {}

    def retire(self, engine: Engine) -> None:
        """Let go of an engine, as soon as that cannot block."""
        if not engine.over:
            _keep(engine.device, engine)

    def hanging(self, device: str) -> int:
        """How many calls and requests of a processor have still not returned; lets go of others."""
        with _keeping:
            _unanswered[:] = [(name, one) for name, one in _unanswered if not one.over]
            return sum(name == device for name, _ in _unanswered)


def _keep(device: str, unanswered: Aside[Any] | Engine) -> None:
    with _keeping:
        _unanswered.append((device, unanswered))


def seen_devices() -> list[str]:
    """Processors that OpenVINO sees on this machine, such as CPU and GPU."""
    return Processors(InferenceSettings()).seen()


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
