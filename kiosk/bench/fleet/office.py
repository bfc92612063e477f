"""Head office under a bench: ingest workers and the web server, each a real process."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from kiosk.bench.fleet.children import end, processor_s, resident_mb, start_child
from kiosk.config import Settings, write_settings

SAMPLE_S = 0.5
GROWTH_AFTER_S = 60.0


class Workers:
    """`kiosk central ingest`, so many times; their memory is watched."""

    def __init__(self, settings: Settings, number: int, folder: Path) -> None:
        """Start them.

        Args:
            settings: of head office, with broker and database; slots are given here.
            number: of workers.
            folder: for their configurations and logs.
        """
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._samples: dict[int, list[tuple[float, float]]] = {}
        self._killed_s = 0.0
        self._done = threading.Event()
        self._configs = {}
        for slot in range(1, number + 1):
            ingest = settings.central.ingest.model_copy(update={"slot": slot, "slots": number})
            central = settings.central.model_copy(update={"ingest": ingest})
            config = folder / f"ingest-{slot}.yaml"
            write_settings(settings.model_copy(update={"central": central}), config)
            self._configs[slot] = config
            self.start(slot)
        self._watch = threading.Thread(target=self._sample, daemon=True)
        self._watch.start()

    def start(self, slot: int) -> None:
        """Start one."""
        self._processes[slot] = start_child(
            _kiosk("ingest", self._configs[slot]),
            self._folder / f"ingest-{slot}.log",
        )

    def kill(self, slot: int) -> None:
        """SIGKILL, as the kernel does when memory is short."""
        self._killed_s += processor_s(self._processes[slot].pid)
        self._processes[slot].kill()
        self._processes[slot].wait()

    def processor_s(self) -> float:
        """Processor time of all of them, those that were killed included."""
        return self._killed_s + sum(processor_s(one.pid) for one in self._processes.values())

    def dead(self) -> list[int]:
        """Slots whose process has ended."""
        return [slot for slot, process in self._processes.items() if process.poll() is not None]

    @property
    def logs(self) -> str:
        """What they said."""
        return "".join(
            path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(self._folder.glob("ingest-*.log"))
        )

    def memory(self) -> tuple[float, float | None]:
        """Most resident memory of one worker, and how much the longest-lived one grew; in MB.

        Growth is from a third of its life on, when caches are warm, to its end; ``None`` when it
        has not lived for long enough to say.
        """
        peak = max((mb for kept in self._samples.values() for _, mb in kept), default=0.0)
        longest = max(self._samples.values(), key=len, default=[])
        if len(longest) * SAMPLE_S < GROWTH_AFTER_S:
            return peak, None
        sixth = len(longest) // 6
        middle = sorted(mb for _, mb in longest[2 * sixth : 3 * sixth])
        last = sorted(mb for _, mb in longest[-sixth:])
        return peak, round(last[len(last) // 2] - middle[len(middle) // 2], 1)

    def close(self) -> None:
        """End them in good order."""
        self._done.set()
        for process in self._processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            end(process)
        self._watch.join()

    def _sample(self) -> None:
        while not self._done.wait(SAMPLE_S):
            for process in list(self._processes.values()):
                mb = resident_mb(process.pid)
                if mb:
                    self._samples.setdefault(process.pid, []).append((time.monotonic(), mb))


class Web:
    """`kiosk central web` on a port of its own."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        config = folder / "web.yaml"
        write_settings(settings, config)
        self.url = f"http://127.0.0.1:{settings.central.web.port}"
        self.log = folder / "web.log"
        self.process = start_child(_kiosk("web", config), self.log)

    def close(self) -> None:
        """End it."""
        end(self.process)


def _kiosk(name: str, config: Path) -> list[str]:
    return [sys.executable, "-m", "kiosk", "central", name, "--config", str(config)]
