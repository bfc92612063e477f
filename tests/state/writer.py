"""A process that plays until it is killed, and says what it has committed."""

from __future__ import annotations

import sys
from pathlib import Path

from kiosk.clock import SystemClock
from kiosk.state import (
    Closing,
    Delivery,
    EndedPlay,
    PlayBook,
    PlayStart,
    close_hour,
    open_store,
    save_hour,
)


def names(seq: int, plays: list[EndedPlay]) -> bytes:
    return ",".join(play.play_id for play in plays).encode()


def main(path: Path, prefix: str) -> None:
    store = open_store(path, SystemClock())
    book = PlayBook(store)
    book.end_interrupted()
    number = 0
    while True:
        name = f"{prefix}-{number}"
        book.start(PlayStart(name, "tea", "spring", "rotation", "", "2026-01-01T00:00:00Z", True))
        print("started", name, flush=True)
        given = [Delivery("beer", f"2026-01-0{1 + number % 3}T10+0100", plays=1, shown_s=8.0)]
        book.end(name, 8.0, completed=True, delivered=given)
        print("ended", name, flush=True)
        save_hour(store, f"{prefix}-hour-{number // 5}", {"ots": number})
        if number % 5 == 4:
            closing = Closing(f"{prefix}-hour-{number // 5}", "off", None, "{}", "{}", "")
            close_hour(store, closing, lambda seq: b"%d" % seq)
        book.batch(names, "", limit=3)
        number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
