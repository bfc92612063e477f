"""The models once more, on the processor that would be next: its loss then costs no time."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from typing import Optional

from kiosk.errors import AcceleratorError
from kiosk.vision.aside import Aside
from kiosk.vision.engine import Engine, Processors, Wanted

log = logging.getLogger(__name__)


class Standby:
    """Engines that wait; they are loaded beside the frames, one after the other."""

    def __init__(self, processors: Processors) -> None:
        self._processors = processors
        self._device = ""
        self._ready: dict[Wanted, list[Engine]] = {}
        self._loading: Optional[tuple[Wanted, str, Aside[Engine]]] = None
        self._refused = ""

    def look(self, device: str, wanted: list[Wanted]) -> None:
        """Take what was loaded, and begin to load what is missing for a processor."""
        self._collect()
        self._be_for(device)
        if self._loading is not None or self._refused == device:
            return
        ready = Counter({file: len(engines) for file, engines in self._ready.items()})
        for file in Counter(wanted) - ready:
            call = partial(self._processors.tried, file, device)
            self._loading = (file, device, Aside(call, "standby"))
            return

    def take(self, device: str, file: Wanted) -> Optional[Engine]:
        """An engine of a processor, if one is ready."""
        self._collect()
        engines = self._ready.get(file) if device == self._device else None
        return engines.pop() if engines else None

    def keep(self, device: str, file: Wanted, engine: Engine) -> None:
        """Have an engine that is no longer used wait, if it is of this processor."""
        if engine.device == device and engine.over:
            self._be_for(device)
            self._ready.setdefault(file, []).append(engine)

    def _be_for(self, device: str) -> None:
        if device != self._device:
            self._device, self._ready = device, {}

    def _collect(self) -> None:
        if self._loading is None or not self._loading[2].over:
            return
        file, device, aside = self._loading
        self._loading = None
        try:
            self.keep(device, file, aside.answer())
        except AcceleratorError as bad:
            # Whether it works is told when it is needed; until then that is no matter.
            log.info("event=standby_refused %s", bad)
            self._refused = device
