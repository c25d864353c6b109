"""Audit the features: pytest-bdd ignores some mistakes silently, and these tests find them without running a drill."""

from __future__ import annotations

import importlib
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_bdd.feature import get_features
from pytest_bdd.parser import Feature, Scenario, Step
from pytest_bdd.steps import StepFunctionContext, step_function_context_registry

from drills.model.instance import OTHERS
from steps.catalogue import EXAMPLES
from tests.support.paths import CHECKOUT

FEATURES = CHECKOUT / "features"
FILES = sorted(FEATURES.rglob("*.feature"))
NO_SPECIFICATION = re.compile(r"\b(SELECT|INSERT|sleep|port|https?|localhost|I)\b")


def parsed() -> list[Feature]:
    """Return every feature of the folder."""
    return list(get_features([str(FEATURES)]))


def of_databases() -> list[Feature]:
    """Return the features that a drill of a database holds: none about another kind of target."""
    return [feature for feature in parsed() if not {kind.tag for kind in OTHERS.values()} & set(feature.tags)]


def scenarios_of(feature: Feature) -> Iterator[Scenario]:
    """Yield every scenario as it runs: an outline once for each example, with its values."""
    for template in feature.scenarios.values():
        contexts = [context for examples in template.examples for context in examples.as_contexts()]
        yield from map(template.render, contexts or [{}])


def steps_of(feature: Feature) -> Iterator[Step]:
    """Yield every step as it runs, those of the backgrounds with each scenario."""
    for scenario in scenarios_of(feature):
        yield from scenario.steps


def definitions() -> dict[int, StepFunctionContext]:
    """Return the project's own step definitions, each function and type once."""
    for path in sorted((CHECKOUT / "steps").glob("*.py")):
        importlib.import_module(f"steps.{path.stem}" if path.stem != "__init__" else "steps")
    return {
        id(context): context
        for context in step_function_context_registry.values()
        if context.step_func.__module__.startswith("steps")
    }


def matching(step: Step) -> list[StepFunctionContext]:
    """Return the definitions that match a step's text and type."""
    return [
        context
        for context in definitions().values()
        if (context.type is None or context.type == step.type) and context.parser.is_matching(step.name)
    ]


@pytest.mark.parametrize("feature", parsed(), ids=lambda feature: feature.name)
def test_each_step_has_exactly_one_definition(feature: Feature) -> None:
    """A step without a definition fails after an hour of restore; with two, one wins silently."""
    assert [(step.name, len(matching(step))) for step in steps_of(feature) if len(matching(step)) != 1] == []


def test_each_definition_is_used() -> None:
    """A step that no feature uses is dead code; those for features of one's own have an example instead."""
    used = {id(context) for feature in parsed() for step in steps_of(feature) for context in matching(step)}

    assert [
        context.step_func.__name__
        for key, context in definitions().items()
        if key not in used and context.parser.name not in EXAMPLES
    ] == []


def test_scenario_names_are_unique_across_all_features() -> None:
    """Of two scenarios with one name pytest-bdd keeps the last and never runs the first."""
    names = Counter(
        match[1].strip()
        for path in FILES
        for match in re.finditer(r"^\s*Scenario(?: Outline)?:(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    )

    assert [name for name, count in names.items() if count > 1] == []
    assert sum(names.values()) == sum(len(feature.scenarios) for feature in parsed())
    as_run = Counter(scenario.name for feature in parsed() for scenario in scenarios_of(feature))
    assert [name for name, count in as_run.items() if count > 1 or "<" in name] == []


def test_each_tag_is_registered() -> None:
    """Tags are a closed set; a misspelt one would select nothing."""
    markers = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["markers"]
    known = {marker.split(":")[0] for marker in markers}
    tags = {tag for path in FILES for tag in re.findall(r"(?<=@)[\w:-]+", path.read_text(encoding="utf-8"))}

    assert tags <= known


def test_each_feature_is_bound() -> None:
    """A feature file that nobody binds does not run and nobody notices."""
    binding = (FEATURES / "test_features.py").read_text(encoding="utf-8")

    assert 'scenarios(".", *own.folders())' in binding
    assert {Path(feature.filename) for feature in parsed()} == set(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_steps_speak_of_outcomes(path: Path) -> None:
    """Third person, and nothing of SQL, addresses, ports or waiting; at most one When a scenario, none in a background.

    A scenario without a When asserts what its background has done.
    """
    text = path.read_text(encoding="utf-8")
    steps = re.findall(r"^\s*(?:Given|When|Then|And|But) (.*)$", text, re.MULTILINE)
    background, *scenarios = re.split(r"^\s*Scenario(?: Outline)?:.*$", text, flags=re.MULTILINE)
    whens = [len(re.findall(r"^\s*When ", each, re.MULTILINE)) for each in (background, *scenarios)]

    assert steps
    assert [step for step in steps if NO_SPECIFICATION.search(step)] == []
    assert whens[0] == 0
    assert set(whens[1:]) <= ({0, 1} if "Background:" in background else {1})
    assert all(" Then " in scenario for scenario in scenarios)
