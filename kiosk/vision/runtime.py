"""Where the models run: the first processor that takes them, and another one when it fails."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any, Callable, Optional, Protocol, TypeVar
from weakref import WeakSet

from kiosk.config import InferenceSettings
from kiosk.errors import AcceleratorError
from kiosk.vision.cards import Card
from kiosk.vision.comeback import Comeback
from kiosk.vision.engine import Engine, Image, Processors, Tensor
from kiosk.vision.ir import checked_ir
from kiosk.vision.standby import Standby

log = logging.getLogger(__name__)

Loaded = TypeVar("Loaded")


class Network(Protocol):
    """A loaded model.

    Attributes:
        input: uint8 [1, height, width, channels], what it will look at; drawn into in place, so
            that no picture is copied. Another array after a look, where the processor changed.
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

    One that fails while it is used is replaced by the next of the order: each network moves when it
    is used next, or between frames, and looks once more at what it was looking at. Nothing above
    it notices but by the clock.

    Attributes:
        device: where the models run.
        networks: every network that is loaded.
        inference_s: seconds spent in inference since the last :meth:`take_inference_s`.
        era: how often the processor has changed; a network of another one has to move.
    """

    def __init__(self, settings: InferenceSettings, models_dir: Path, core: Any = None) -> None:
        """Prepare the runtime; ``core`` stands in for OpenVINO's ``Core`` in tests."""
        self.processors = Processors(settings, core)
        self._order: list[str] = list(dict.fromkeys([settings.device, *settings.fallback]))
        self._int8 = settings.precision == "int8"
        self._models_dir = models_dir
        self._comeback = Comeback(settings, self.processors)
        self.standby = Standby(self.processors) if settings.standby else None
        self._choosing = True
        self.device = self._order[0]
        self.networks: WeakSet[OpenVinoNetwork] = WeakSet()
        self.era = 0
        self.inference_s = 0.0
        self._ended = 0.0

    def on_first_device(self, build: Callable[[Models], Loaded]) -> Loaded:
        """Call ``build`` for one processor after the other until its models load.

        What it makes may go on loading models later: they come to the processor in use.

        Raises:
            AcceleratorError: no configured processor can run them; each one's reason is named.
        """
        reasons = []
        self._choosing = True
        for device in self._order:
            self.networks = WeakSet()
            self.device = device
            try:
                built = build(_RuntimeModels(self))
            except AcceleratorError as bad:
                reason = str(bad).removeprefix(f"{device}: ")
                reasons.append(f"{device}: {reason}")
                log.warning("event=accelerator_refused device=%s reason=%s", device, reason)
                self._comeback.lost(device)
                continue
            self._choosing = False
            if device != self._order[0]:
                log.warning("event=accelerator_fallback wanted=%s using=%s", self._order[0], device)
            return built
        raise AcceleratorError(
            f"no processor can run the models ({'; '.join(reasons)})",
            hint=f"OpenVINO sees {', '.join(self.processors.seen()) or 'none'};"
            " set vision.inference.device and vision.inference.fallback",
        )

    def path(self, card: Card) -> Path:
        """The built file of a model, checked."""
        return checked_ir(self._models_dir, card.name, int8=self._int8)

    def load(self, path: Path, size: Optional[tuple[int, int]]) -> OpenVinoNetwork:
        """Load one file on the processor in use, with its input at (height, width) if given.

        Raises:
            AcceleratorError: the processor does not take the model, or none is left.
        """
        while True:
            try:
                engine = self.engine(path, size)
                break
            except AcceleratorError as bad:
                # One that is there and refuses this model still runs the others.
                if self._choosing or self.device in self.processors.seen():
                    raise
                self.lost(bad)
        network = OpenVinoNetwork(self, path, size, engine)
        self.networks.add(network)
        return network

    def engine(self, path: Path, size: Optional[tuple[int, int]]) -> Engine:
        """A model on the processor in use; raises as :meth:`Processors.load` does."""
        ready = self.standby.take(self.device, (path, size)) if self.standby else None
        return ready or self.processors.load(path, self.device, size)

    def lost(self, bad: AcceleratorError) -> None:
        """The processor in use failed: from now on the next one of the order is.

        Raises:
            AcceleratorError: ``bad``, when there is no other.
        """
        following = self.next_device
        if self._choosing or not following:
            raise bad
        reason = str(bad).removeprefix(f"{self.device}: ")
        log.warning(
            "event=accelerator_lost device=%s using=%s reason=%s", self.device, following, reason
        )
        self._comeback.lost(self.device)
        self._change_to(following)

    def between_frames(self) -> None:
        """Bring a network to the processor in use, go back to a better one, prepare for a loss.

        One network at a time: a model takes long to load, and all of them longer than a face may
        be lost.

        Raises:
            AcceleratorError: no processor is left.
        """
        networks = list(self.networks)
        for network in networks:
            if network.era != self.era:
                network.move()
                return
        place = self._order.index(self.device)
        if place > 0:
            self._go_back(self._order[:place], networks)
        if self.standby is not None and self.next_device:
            self.standby.look(self.next_device, [one.file for one in networks])

    def _go_back(self, better: list[str], networks: list[OpenVinoNetwork]) -> None:
        back = self._comeback.look(better, lambda: [one.file for one in networks])
        if back is None:
            return
        log.info("event=accelerator_back device=%s away_s=%.0f", back.device, back.away_s)
        self._change_to(back.device)
        for network in networks:
            # One that came since the attempt began moves later, by itself.
            if engines := back.engines.get(network.file):
                network.adopt(engines.pop())

    @property
    def next_device(self) -> str:
        """The processor that follows the one in use; empty: none."""
        return next(iter(self._order[self._order.index(self.device) + 1 :]), "")

    def _change_to(self, device: str) -> None:
        self.device = device
        self.era += 1

    def spent(self, begun: float) -> None:
        """An inference that began then is over; time in which several ran counts once."""
        now = time.perf_counter()
        self.inference_s += now - max(begun, self._ended)
        self._ended = now

    def take_inference_s(self) -> float:
        """Seconds of inference since the last call."""
        spent, self.inference_s = self.inference_s, 0.0
        return spent


class _RuntimeModels:
    """Models of one runtime, on the processor that it uses."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def network(self, card: Card, height_px: int = 0, width_px: int = 0) -> Network:
        wanted = (height_px or card.input.height_px, width_px or card.input.width_px)
        size = None if wanted == (card.input.height_px, card.input.width_px) else wanted
        return self._runtime.load(self._runtime.path(card), size)

    def file(self, card: Card) -> Path:
        return self._runtime.path(card)


class OpenVinoNetwork:
    """A model that outlives the processor it runs on; see :class:`Network`.

    Attributes:
        name: of the model.
        file: what it was loaded from, and the size of its input where that is not its card's.
        runs: how often it was run.
        era: the runtime's, of the processor that it is on.
    """

    def __init__(
        self, runtime: Runtime, path: Path, size: Optional[tuple[int, int]], engine: Engine
    ) -> None:
        self._runtime = runtime
        self._engine = engine
        self._begun = 0.0
        self.name = path.stem
        self.file = (path, size)
        self.runs = 0
        self.era = runtime.era
        self.input: Image = engine.input

    def run(self) -> dict[str, Tensor]:
        """Look at the input.

        Raises:
            AcceleratorError: the processor failed, and none is left.
        """
        self._begun = time.perf_counter()
        return self._finished()

    def start(self) -> None:
        """Begin to look at the input; raises as :meth:`run` does."""
        self._begun = time.perf_counter()
        if self.era != self._runtime.era:
            return  # It moves when it is waited for, and looks then.
        try:
            self._engine.start()
        except AcceleratorError as bad:
            self._runtime.lost(bad)

    def wait(self) -> dict[str, Tensor]:
        """Outputs of what was started; raises as :meth:`run` does."""
        return self._finished()

    def _finished(self) -> dict[str, Tensor]:
        while True:
            if self.era != self._runtime.era:
                self.move()
            try:
                self._engine.finish()
                break
            except AcceleratorError as bad:
                self._runtime.lost(bad)
        self._runtime.spent(self._begun)
        self.runs += 1
        return self._engine.outputs()

    def move(self) -> None:
        """Come to the processor in use, or to one after it; the input comes along.

        Raises:
            AcceleratorError: none is left.
        """
        while True:
            runtime = self._runtime
            try:
                self.adopt(runtime.engine(*self.file))
            except AcceleratorError as bad:
                runtime.lost(bad)
            else:
                return

    def adopt(self, engine: Engine) -> None:
        """Go on with another engine of the same model, on the processor in use."""
        runtime = self._runtime
        engine.input[:] = self.input
        runtime.processors.retire(self._engine)
        if runtime.standby is not None:
            runtime.standby.keep(runtime.next_device, self.file, self._engine)
        self._engine, self.input = engine, engine.input
        self.era = runtime.era
