"""The alert rules and the dashboard of infra/monitoring, by promtool, a real Prometheus and Grafana's model."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from drills.metrics.samples import FAMILIES
from tests.support.monitoring import program
from tests.support.paths import CHECKOUT
from tests.support.prometheus import HISTORY_END, Prometheus, with_history

FOLDER = CHECKOUT / "infra/monitoring"
RULES, TESTS, DASHBOARD = (
    FOLDER / name for name in ("drills.rules.yml", "drills.rules.test.yml", "grafana-dashboard.json")
)


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    """Call promtool in the folder."""
    return subprocess.run([program("promtool"), *words], cwd=FOLDER, capture_output=True, text=True, check=False)


def alerts() -> list[dict[str, Any]]:
    """The rules of the file."""
    read = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule for group in read["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    """The dashboard as JSON."""
    read: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return read


def expressions() -> list[str]:
    """Each query of the dashboard, with its variables filled in as Grafana does."""
    found = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    return [each.replace("$simulated", "false").replace("$target", "orders") for each in found]


def test_promtool_takes_the_rules() -> None:
    """And finds no mistake in them."""
    said = promtool("check", "rules", RULES.name)

    assert said.returncode == 0, said.stdout + said.stderr
    assert f"SUCCESS: {len(alerts())} rules found" in said.stdout


def test_each_rule_rings_when_it_has_to_and_at_no_other_time() -> None:
    """As the file of tests beside it says."""
    said = promtool("test", "rules", TESTS.name)

    assert said.returncode == 0, said.stdout + said.stderr


def test_the_test_of_the_rules_can_fail(tmp_path: Path) -> None:
    """A rule whose limit moves is noticed."""
    moved = RULES.read_text(encoding="utf-8").replace("35 * 86400", "40 * 86400")
    (tmp_path / RULES.name).write_text(moved)
    (tmp_path / TESTS.name).write_text(TESTS.read_text(encoding="utf-8"))

    said = subprocess.run(
        [program("promtool"), "test", "rules", TESTS.name], cwd=tmp_path, capture_output=True, check=False
    )
    assert said.returncode == 1


def test_each_rule_is_tested_both_ways() -> None:
    """There is a case in which it rings, and one in which it does not."""
    read = yaml.safe_load(TESTS.read_text(encoding="utf-8"))
    cases = [case for group in read["tests"] for case in group["alert_rule_test"]]
    rings = {case["alertname"] for case in cases if case["exp_alerts"]}
    silent = {case["alertname"] for case in cases if not case["exp_alerts"]}

    assert rings == silent == {rule["alert"] for rule in alerts()}


def test_rules_and_dashboard_are_of_numbers_that_there_are() -> None:
    """A name that no run writes would be silent for ever."""
    texts = [rule["expr"] for rule in alerts()] + expressions()
    named = {name for text in texts for name in re.findall(r"\bdr_drill_\w+", text)}

    assert named <= set(FAMILIES)
    assert len(named) > 10


def test_no_rule_is_of_simulated_drills() -> None:
    """Every rule begins with a number of drills on AWS alone; the dashboard asks which ones."""
    assert all('simulated="false"' in rule["expr"] for rule in alerts())
    found = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    assert all('simulated="$simulated"' in text for text in found)
    assert dashboard()["templating"]["list"][1]["current"]["value"] == "false"


def test_grafana_knows_every_key_of_the_dashboard() -> None:
    """Its own model of a dashboard (grafana-foundation-sdk) reads it and writes all of it again: an unknown key is lost."""
    register_default_plugins()

    again = json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard())))
    unknown = dashboard() | {"panels": [dashboard()["panels"][0] | {"heigth": 5}]}

    assert list(lost(dashboard(), again, "")) == []
    assert list(lost(unknown, json.loads(JSONEncoder().encode(Dashboard.from_json(unknown))), "")) == [
        ".panels[0].heigth"
    ]


def lost(before: Any, after: Any, where: str) -> Iterator[str]:
    """What of a value of JSON is not in another one, which may have more."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, each in before.items():
            yield from lost(each, after[key], f"{where}.{key}") if key in after else [f"{where}.{key}"]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from lost(one, other, f"{where}[{number}]")
    elif before != after:
        yield where


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has two years of monthly drills."""
    with with_history(tmp_path_factory.mktemp("prometheus")) as running:
        yield running


def test_each_query_of_the_dashboard_shows_something(prometheus: Prometheus) -> None:
    """In a Prometheus that has a history of drills as runs write it; a success and a failure are never both there."""
    shown = {text: prometheus.query(text, HISTORY_END) for text in expressions()}
    outcomes = [each for each in shown if "dr_drill_result" in each]

    assert [text for text, found in shown.items() if not found and text not in outcomes] == []
    assert sorted(len(shown[text]) for text in outcomes) == [0, 1]


def test_the_choice_of_targets_is_a_query_of_labels(prometheus: Prometheus) -> None:
    """What the dashboard offers to choose from."""
    assert prometheus.labels("target", 'dr_drill_last_run_timestamp_seconds{simulated="false"}') == ["orders"]
