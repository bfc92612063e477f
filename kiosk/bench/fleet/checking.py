"""Does the database hold what was sent: every cell of every hour, every play, every sum?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine, text

from kiosk.bench.fleet.outboxes import BATCH_TIME, BATCHES
from kiosk.simulate import BATCH, CREATIVE, CREATIVE_WIDTH, HOUR, HOUR_WIDTH, Fleet

Vector = npt.NDArray[np.int64]
Row = Mapping[str, Any]

SCALARS = ("plays", "ots", "watchers", "dwell_s", "attention_s", "impressions")
ARRAYS = ("age_gender", "impressions_age_gender", "mood", "group_size")
OF_CREATIVES = ("plays", "ots", "watchers", "dwell_s", "attention_s")
ARRAYS_OF_CREATIVES = ("age_gender", "mood", "group_size")

CHUNK = 1000

WHERE = "FROM {} AS t JOIN devices AS d ON d.id = t.device_id JOIN sites AS s ON s.id = d.site_id"


@dataclass
class Verdict:
    """What was found.

    Attributes:
        rows_expected: hour tables and batches of plays that were sent.
        rows_found: how many the database holds.
        plays_expected: single plays.
        plays_found: how many the database holds.
        lost: rows and plays that are missing.
        doubled: rows and plays that are there more than once.
        altered: rows that are not what was sent.
        sums_wrong: figures of sums that are not those of the hours.
        examples: of what is wrong, in words.
    """

    rows_expected: int
    plays_expected: int
    rows_found: int = 0
    plays_found: int = 0
    lost: int = 0
    doubled: int = 0
    altered: int = 0
    sums_wrong: int = 0
    examples: list[str] = field(default_factory=list)

    def blame(self, sentence: str) -> None:
        """Keep some examples."""
        if len(self.examples) < 10:
            self.examples.append(sentence)


class Check:
    """One look at a database in which nothing but the bench's hour is."""

    def __init__(self, engine: Engine, fleet: Fleet, hour: datetime) -> None:
        self._engine = engine
        self._fleet = fleet
        self._hour = hour
        self._devices = {str(fleet.branch(device)): device for device in range(fleet.devices)}
        self._creatives: dict[int, str] = {}
        self._sums: dict[str, Vector] = {}
        self._creative_sums: dict[str, Vector] = {}
        batches = fleet.devices * BATCHES
        self.verdict = Verdict(fleet.devices + batches, batches * BATCH)

    def run(self) -> Verdict:
        """Compare everything."""
        with self._engine.connect() as connection:
            for row in connection.execute(text("SELECT id, name FROM creatives")):
                self._creatives[row.id] = row.name
        self._check_hours()
        self._check_plays()
        self._check_sums()
        return self.verdict

    # ---- rows ------------------------------------------------------------------------------------

    def _check_hours(self) -> None:
        seen: set[int] = set()
        rows = self._rows("hours", "t.*")
        while chunk := list(islice(rows, CHUNK)):
            devices = [device for device, _ in chunk]
            sent = self._fleet.hours_encoded(devices, self._hour, [1] * len(devices))
            for (device, row), (_, payload) in zip(chunk, sent, strict=True):
                self.verdict.rows_found += 1
                if device in seen:
                    self.verdict.doubled += 1
                    self.verdict.blame(f"the hour of {self._fleet.branch(device)} is there twice")
                seen.add(device)
                self._compare(device, row, json.loads(payload)["tables"])
        for device in set(range(self._fleet.devices)) - seen:
            self.verdict.lost += 1
            self.verdict.blame(f"the hour of {self._fleet.branch(device)} is missing")
        self._add_up()

    def _compare(self, device: int, row: dict[str, Any], tables: dict[str, Any]) -> None:
        wrong = [name for name, value in self._expected(row, tables) if row[name] != value]
        if _moment(row["at"]) != self._hour or row["seq"] != 1:
            wrong.append("at or seq")
        if wrong:
            self.verdict.altered += 1
            self.verdict.blame(f"hour of {self._fleet.branch(device)}: {', '.join(wrong)} differ")

    def _expected(self, row: dict[str, Any], tables: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """Columns of a row, as the payload's tables would have them."""
        bands = row["bands"].split(",")
        lists = [name for name in row if name in ARRAYS or name.startswith("creative")]
        row.update({name: _list(row[name]) for name in lists})
        for name in SCALARS:
            yield name, tables[name]
        for name in ARRAYS:
            yield name, _flat(name, tables[name], bands)
        own = [tables["creatives"][self._creatives[one]] for one in row["creatives"]]
        yield "creatives", row["creatives"] if len(own) == len(tables["creatives"]) else None
        for name in OF_CREATIVES:
            yield f"creative_{name}", [one[name] for one in own]
        for name in ARRAYS_OF_CREATIVES:
            yield (
                f"creative_{name}",
                [cell for one in own for cell in _flat(name, one[name], bands)],
            )

    def _check_plays(self) -> None:
        seen = np.zeros((self._fleet.devices, BATCHES), dtype=np.int64)
        ids: list[int] = []
        for device, row in self._rows("play_batches", "t.seq, t.plays, t.proofs, t.at"):
            self.verdict.rows_found += 1
            self.verdict.plays_found += row["plays"]
            batch = row["seq"] - 1
            if not 0 <= batch < BATCHES:
                self.verdict.altered += 1
                self.verdict.blame(f"plays {row['seq']} of {self._fleet.branch(device)}: not sent")
                continue
            seen[device, batch] += 1
            start = self._hour + batch * BATCH_TIME
            payload = self._fleet.plays_encoded(device, start, batch + 1)
            expected = json.loads(payload)["plays"]
            kept = json.loads(row["proofs"])
            ids += [int(play["play_id"], 16) for play in kept]
            if kept != expected or _moment(row["at"]) != start or row["plays"] != BATCH:
                self.verdict.altered += 1
                self.verdict.blame(f"plays {row['seq']} of {self._fleet.branch(device)} differ")
        for device, batch in np.argwhere(seen == 0).tolist():
            self.verdict.lost += 1
            self.verdict.blame(f"plays {batch + 1} of {self._fleet.branch(device)} are missing")
        self.verdict.doubled += int(np.maximum(seen - 1, 0).sum())
        single = len(np.unique(np.array(ids, dtype=np.uint64)))
        self.verdict.doubled += len(ids) - single
        self.verdict.lost += max(0, self.verdict.plays_expected - single)

    def _rows(self, table: str, columns: str) -> Iterator[tuple[int, dict[str, Any]]]:
        wanted = text(f"SELECT s.tenant, s.site, d.name, {columns} {WHERE.format(table)}")
        with self._engine.connect() as connection:
            found = connection.execution_options(yield_per=CHUNK).execute(wanted)
            for row in found.mappings():
                branch = f"{row['tenant']}/{row['site']}/{row['name']}"
                device = self._devices.get(branch)
                if device is None:
                    self.verdict.altered += 1
                    self.verdict.blame(f"{branch} never sent anything")
                    continue
                yield device, dict(row)

    # ---- sums ------------------------------------------------------------------------------------

    def _add_up(self) -> None:
        names = [creative.name for creative in self._fleet.creatives]
        for begin in range(0, self._fleet.devices, CHUNK):
            devices = range(begin, min(begin + CHUNK, self._fleet.devices))
            rows = self._fleet.rows(devices, self._hour)
            for device, row in zip(devices, rows, strict=True):
                each = row[HOUR_WIDTH:].reshape(len(names), CREATIVE_WIDTH)
                for where in ("", self._fleet.branch(device).site):
                    _add(self._sums, where, row[:HOUR_WIDTH])
                    _add(self._creative_sums, where, each)

    def _check_sums(self) -> None:
        for table in ("site_hours", "site_days"):
            found = {row["site"] or "": row for row in self._sum_rows(table, "t.*")}
            for where, total in self._sums.items():
                expected = {name: total[place] for name, place in HOUR.items()}
                self._same(f"{table} of {where or 'all'}", found.get(where), expected)
        both = {
            (row["site"] or "", row["creative"]): row
            for row in self._sum_rows(
                "creative_days JOIN creatives AS c ON c.id = creative_id", "t.*, c.name AS creative"
            )
        }
        for where, totals in self._creative_sums.items():
            for creative, total in zip(self._fleet.creatives, totals, strict=True):
                expected = {name: total[place] for name, place in CREATIVE.items()}
                what = f"creative_days of {where or 'all'}, {creative.name}"
                self._same(what, both.get((where, creative.name)), expected)

    def _sum_rows(self, table: str, columns: str) -> list[dict[str, Any]]:
        first, _, rest = table.partition(" ")
        wanted = text(
            f"SELECT {columns}, s.site AS site FROM {first} AS t"  # noqa: S608
            f" {rest.replace('= creative_id', '= t.creative_id')}"
            " LEFT JOIN sites AS s ON s.id = t.site_id"
        )
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(wanted).mappings()]

    def _same(self, what: str, row: Row | None, expected: dict[str, Vector]) -> None:
        if row is None:
            self.verdict.sums_wrong += 1
            self.verdict.blame(f"{what}: no row")
            return
        for name, value in expected.items():
            kept = np.atleast_1d(np.array(_list(row[name])))
            # Sums may leave out who has no band.
            if len(kept) == 0 or not np.array_equal(kept, value[: len(kept)]):
                self.verdict.sums_wrong += 1
                self.verdict.blame(f"{what}: {name} is {kept.tolist()}, not {value.tolist()}")


def _add(into: dict[str, Vector], where: str, cells: Vector) -> None:
    into[where] = into[where] + cells if where in into else cells.copy()


def _flat(name: str, table: Any, bands: Sequence[str]) -> Any:
    if name.endswith("age_gender"):
        return [count for band in bands for count in table[band].values()]
    return list(table.values()) if isinstance(table, dict) else table


def _list(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _moment(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.astimezone(UTC)
