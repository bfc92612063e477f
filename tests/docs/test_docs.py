"""What is written is true: commands, settings, schemas and events stand where a reader looks."""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from kiosk.ads import campaign_schema
from kiosk.cli import main
from kiosk.config import Settings, load_settings
from kiosk.wire import json_schemas

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIG = ROOT / "config.yaml"


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        here = f"{path} {name}"
        if isinstance(command, click.Group):
            yield from commands(command, here)
        else:
            yield here, command


def keys(data: Any, path: str = "") -> Iterator[str]:
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from keys(value, f"{path}.{key}" if path else key)
    else:
        yield path


ALL_COMMANDS = dict(commands(main, "kiosk"))


@pytest.mark.parametrize("name", ALL_COMMANDS)
def test_every_command_has_help_with_an_example_and_stands_in_the_readme(name: str) -> None:
    text = ALL_COMMANDS[name].help or ""
    assert f"Example: {name}" in text
    assert f"`{name}" in README


def test_every_option_of_every_command_says_what_it_does() -> None:
    silent = [
        f"{name} {option.opts[0]}"
        for name, command in ALL_COMMANDS.items()
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert silent == []


def test_the_annotated_configuration_names_every_setting_with_its_default() -> None:
    written = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    known = load_settings(CONFIG).model_dump(mode="json")
    assert sorted(keys(written)) == sorted(keys(known))
    defaults = Settings.model_validate({}, context={"folder": ROOT}).model_dump(mode="json")
    empty = {name: {} for name in defaults}
    assert Settings.model_validate(empty, context={"folder": ROOT}).model_dump(mode="json") == known


def test_every_setting_of_the_annotated_configuration_has_a_comment_above_it() -> None:
    lines = CONFIG.read_text(encoding="utf-8").splitlines()
    bare = [
        line
        for above, line in itertools.pairwise(lines)
        if line.strip() and not line.lstrip().startswith("#") and not above.lstrip().startswith("#")
    ]
    assert bare == []


def test_the_published_schemas_are_those_of_the_code() -> None:
    folder = ROOT / "deploy/schemas"
    written = {
        path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
        for path in folder.glob("*.json")
    }
    assert written == json_schemas() | {"campaign": campaign_schema()}, "run `make schemas`"


def test_every_event_that_an_operator_must_act_on_stands_in_the_table_of_alerts() -> None:
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \|", README, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"[a-z_]+", row)}
    logged = {
        name
        for path in (ROOT / "kiosk").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"warning", "error"}
        for name in re.findall(r"event=([a-z_]+[a-z])\b(?!%)", ast.unparse(node))
    }
    assert len(logged) > 15
    assert logged - documented == set()


def test_every_file_and_folder_that_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []
