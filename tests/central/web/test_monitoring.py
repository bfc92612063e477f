"""Rules and dashboard, held against what /metrics really tells."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from tests.central.web.office import Office, served

DEPLOY = Path(__file__).parents[3] / "deploy"
RULES = DEPLOY / "prometheus" / "kiosk.rules.yml"
DASHBOARD = DEPLOY / "grafana" / "kiosk.json"
NAME = re.compile(r"\bkiosk_[a-z_]+\b")

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not here: apt-get install prometheus"
)


def promtool(*words: str | Path, given: str | None = None) -> None:
    command = ["promtool", *map(str, words)]
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, cwd=RULES.parent, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if words[:2] == ("check", "metrics"):
        # What it dislikes it says there.
        assert not done.stderr.strip(), done.stderr


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> str:
    made = Office(tmp_path_factory.mktemp("office"))
    made.gather()
    with served(made):
        return httpx.get(f"{made.url}/metrics").text


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_the_rules_do_what_their_own_tests_say():
    promtool("check", "rules", RULES)
    promtool("test", "rules", RULES.with_suffix(".test.yml"))


def test_the_example_configuration_is_sound():
    promtool("check", "config", "--syntax-only", "prometheus.yml")


def test_what_we_tell_follows_the_conventions_for_metrics(told):
    ours = [line for line in told.splitlines(keepends=True) if "kiosk_" in line]
    promtool("check", "metrics", given="".join(ours))


def test_every_metric_of_a_rule_is_told(told):
    rules = [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]
    named = {name for rule in rules for name in NAME.findall(rule["expr"])}
    assert named
    assert named <= set(NAME.findall(told))


def test_every_metric_of_the_dashboard_is_told(told):
    named = {name for expression in expressions() for name in NAME.findall(expression)}
    assert named
    assert named <= set(NAME.findall(told))


def test_every_question_of_the_dashboard_can_be_asked(tmp_path):
    rules = [
        {
            "record": f"panel:{number}",
            "expr": expression.replace("$tenant", ".*").replace("$site", ".*"),
        }
        for number, expression in enumerate(expressions())
    ]
    asked = tmp_path / "asked.yml"
    asked.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", asked)


def test_every_rule_says_what_to_do():
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in {"critical", "warning"}
            assert rule["annotations"]["summary"]
            assert rule["annotations"]["description"].endswith(".")
