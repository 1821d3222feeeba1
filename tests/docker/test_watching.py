"""Alert rules and dashboard: what they ask for exists, and alerts are raised when due."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from statflow.docs import metrics_part
from statflow.metrics_page import described
from tests.support.stack import Stack
from tests.support.web import fetch

ALERTS = Path("docker/prometheus/alerts.yml")
DASHBOARD: dict[str, Any] = json.loads(Path("docker/grafana/statflow.json").read_text())
NAME = re.compile(r"\bstatflow_[a-z_]+\b")
_ENDS = re.compile(r"_(bucket|sum|count)$")


OF_SEVERAL_WORKERS = {"statflow_workers", "statflow_worker_restarts_total"}


def expressions() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


def known() -> dict[str, tuple[str, ...]]:
    return {row.name: row.labels for row in described()}


def test_the_page_lists_every_metric() -> None:
    assert metrics_part() in Path("docs/metrics.md").read_text()


def test_alerts_and_panels_ask_for_metrics_that_exist() -> None:
    asked = set(NAME.findall("\n".join([ALERTS.read_text(), *expressions()])))
    assert len(asked) > 15
    for name in asked:
        assert name in known() or _ENDS.sub("", name) in known(), name


def test_panels_group_by_labels_that_exist() -> None:
    scraped = {"instance", "part", "le"}
    for expression in expressions():
        labels = {label for name in NAME.findall(expression)
                  for label in known().get(name, known().get(_ENDS.sub("", name), ()))}  # fmt: skip
        for group in re.findall(r"by \(([^)]*)\)", expression):
            assert {word.strip() for word in group.split(",")} <= labels | scraped, expression


def test_panels_have_ids_and_places_of_their_own() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)


def test_every_alert_says_what_to_do() -> None:
    rules = re.findall(r"- alert: \w+.*?(?=- alert|\Z)", ALERTS.read_text(), re.DOTALL)
    assert len(rules) >= 14
    for rule in rules:
        assert "todo:" in rule
        assert "severity:" in rule


def test_every_alert_is_tried_quiet_and_raised() -> None:
    tried = ALERTS.with_name("alerts_test.yml").read_text()
    for name in re.findall(r"- alert: (\w+)", ALERTS.read_text()):
        assert f"alertname: {name}\n        exp_alerts: []" in tried, name
        assert f"alertname: {name}\n        exp_alerts:\n" in tried, name


@pytest.mark.parametrize(
    "command",
    [
        ["check", "rules", "docker/prometheus/alerts.yml"],
        ["check", "config", "docker/prometheus/prometheus.yml"],
        ["test", "rules", "docker/prometheus/alerts_test.yml"],
    ],
    ids=" ".join,
)
def test_promtool_agrees(command: list[str]) -> None:
    done = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(240)
def test_a_running_installation_answers_what_the_page_says() -> None:
    stack = Stack()
    try:
        stack.start()
        text = fetch(stack.ports["private"], "/metrics")[2].decode()
        address = f"http://127.0.0.1:{stack.ports['private']}"
        command = [sys.executable, "-m", "statflow.cli", "top", "--once", address]
        top = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    finally:
        stack.remove()
    answered = set(re.findall(r"^# TYPE (statflow_\w+) ", text, re.MULTILINE))
    answered = {name for name in answered if not name.endswith("_created")}
    assert answered <= set(known())
    # A metric with labels is there from its first sample on.
    always = {row.name for row in described() if not row.labels}
    assert always - answered == OF_SEVERAL_WORKERS
    assert "Events" in top
    assert "away" not in top
