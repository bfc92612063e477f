"""The bench of choosing: it measures what it says, with its baseline beside it."""

from __future__ import annotations

import json

from click.testing import CliRunner

from kiosk.bench import as_choice_table, measure_choice
from kiosk.cli import main


def test_a_choice_is_measured_beside_the_bare_learner():
    done = CliRunner().invoke(main, ["bench", "choice", "--choices", "20", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert (told["creatives"], told["contracts"], told["choices"]) == (200, 40, 20)
    assert 0 < told["p50_ms"] <= told["p95_ms"]
    assert 0 < told["baseline_p50_ms"] <= told["baseline_p95_ms"]
    assert told["candidates"] > 1


def test_the_table_names_the_learner_that_was_asked():
    found = measure_choice(12, 10)
    assert found.baseline in {"Learner", "Rotation"}
    assert found.baseline in as_choice_table(found)
