"""Calls that may never return, made on a thread of their own and waited for only so long."""

from __future__ import annotations

import atexit
import threading
import time
from typing import Callable, Generic, Optional, TypeVar
from weakref import WeakSet

Said = TypeVar("Said")

LEAVE_S = 8.0
"""Longest wait at the process's end for calls that are still under way; less than a service manager
waits before it kills."""

leaving = threading.Event()
"""The process ends: nothing long is begun any more."""


class Aside(Generic[Said]):
    """A call that runs beside its caller; what it raises is raised where its answer is taken."""

    def __init__(self, call: Callable[[], Said], name: str) -> None:
        """Begin the call on a thread of this name."""
        self._call = call
        self._said: list[Said] = []
        self._bad: Optional[BaseException] = None
        # A driver that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        _under_way.add(self._thread)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._said.append(self._call())
        except Exception as bad:  # noqa: BLE001 - raised again where the answer is taken
            self._bad = bad

    @property
    def over(self) -> bool:
        """It has returned, or raised."""
        return not self._thread.is_alive()

    def wait(self, patience_s: float) -> bool:
        """Whether it is over, after this many seconds at most."""
        self._thread.join(patience_s)
        return self.over

    def answer(self) -> Said:
        """What a call that is over returned; raises what it raised."""
        if self._bad is not None:
            raise self._bad
        return self._said[0]


_under_way: WeakSet[threading.Thread] = WeakSet()


@atexit.register
def _leave() -> None:
    """Let native code return before the interpreter goes, which it may not come back to."""
    leaving.set()
    until = time.monotonic() + LEAVE_S
    for thread in list(_under_way):
        thread.join(max(0.0, until - time.monotonic()))
