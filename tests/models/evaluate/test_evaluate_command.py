"""`kiosk models eval` with a fake bundle: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.commands.evaluate import evaluate_command
from kiosk.errors import BadInputError
from tests.models.evaluate.fakes import FakeExaminer, boxes_folder, faces_folder, moods_folder

ROOT = Path(__file__).parents[3]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settings for which every bundle is the fake one."""
    monkeypatch.setattr("kiosk.vision.open_examiner", lambda _: FakeExaminer())
    path = tmp_path / "config.yaml"
    path.write_text(f"vision: {{models_dir: {ROOT}/models_ir}}\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def data(tmp_path: Path) -> str:
    for make in (faces_folder, moods_folder, boxes_folder):
        make(tmp_path / "data")
    return str(tmp_path / "data")


def test_json_is_all_that_stands_on_standard_output(config: str, data: str) -> None:
    done = CliRunner().invoke(
        evaluate_command, ["--config", config, "--data", data, "--bundle", "default", "--json"]
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["bundle"] == "default"
    assert told["gender"]["acc_18_75"] == 0.5
    assert told["emotion"]["mood3"] == 0.5
    assert told["minor"]["flagged_4_15"] == 0.0
    assert told["ms"]["frame"] == 2.0


def test_two_bundles_are_compared_in_a_table_and_listed_in_json(config: str, data: str) -> None:
    common = ["--config", config, "--data", data, "--bundle", "default", "--bundle", "mediapipe"]
    table = CliRunner().invoke(evaluate_command, common)
    assert "| figure | default | mediapipe | n |" in table.stdout
    told = json.loads(CliRunner().invoke(evaluate_command, [*common, "--json"]).stdout)
    assert [one["bundle"] for one in told] == ["default", "mediapipe"]


def test_a_report_is_written_where_it_is_wanted(config: str, data: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        evaluate_command,
        ["--config", config, "--data", data, "--limit", "2", "--report", str(tmp_path / "out")],
    )
    assert done.exit_code == 0, done.output
    assert "a quick look at 2 pictures" in (tmp_path / "out/report.md").read_text(encoding="utf-8")
    assert f"report: {tmp_path / 'out/report.md'}" in done.stderr


def test_cards_are_not_written_from_a_quick_look(config: str, data: str) -> None:
    done = CliRunner().invoke(
        evaluate_command, ["--config", config, "--data", data, "--limit", "2", "--write-card"]
    )
    assert done.exit_code == 2
    assert "leave --limit out" in done.output


def test_a_folder_that_is_not_there_is_refused(config: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        evaluate_command, ["--config", config, "--data", str(tmp_path / "nowhere")]
    )
    assert isinstance(done.exception, BadInputError)
    assert "there is no such folder" in str(done.exception)
