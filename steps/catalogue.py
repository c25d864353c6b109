"""The catalogue of Gherkin steps: what each does, and a line of a feature that uses it."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from pytest_bdd.feature import get_features
from pytest_bdd.parser import Feature, ScenarioTemplate, Step
from pytest_bdd.parsers import StepParser
from pytest_bdd.steps import StepFunctionContext, step_function_context_registry

from drills.durations import parse_duration
from drills.errors import ConfigError
from drills.model.policy import CHECKS

CHECKOUT = Path(__file__).resolve().parents[1]
# Examples of the steps that no shipped feature uses.
EXAMPLES = {
    "its recovery point is restored to a scratch instance": "its recovery point is restored to a scratch instance",
    "its newest recovery point is restored to a scratch instance": (
        "its newest recovery point is restored to a scratch instance"
    ),
    'the table "{table}" has at least {rows:d} rows': 'the table "shop.orders" has at least 1000 rows',
    'the table "{table}" has at least {rows:d} row': 'the table "shop.settings" has at least 1 row',
    'the newest "{column}" in the table "{table}" is at most "{age}" older than the disaster': (
        'the newest "placed_at" in the table "shop.orders" is at most "1h" older than the disaster'
    ),
}


@dataclass(frozen=True, slots=True)
class StepEntry:
    """A step: its keyword ("given", "when", "then", or "*" for all), pattern, meaning, an example, and its module."""

    keyword: str
    pattern: str
    meaning: str
    example: str
    module: str
    parser: StepParser


def steps(more: Sequence[ModuleType] = ()) -> tuple[StepEntry, ...]:
    """Return the steps of this suite, and of further modules, in the order in which they are defined."""
    modules = (*map(importlib.import_module, step_modules()), *more)
    used = tuple(_steps_of(get_features([str(CHECKOUT / "features")])))
    return tuple(_entry(context, module, used) for module in modules for context in _contexts(module))


def step_modules() -> tuple[str, ...]:
    """Return the names of the shipped step modules."""
    return tuple(f"steps.{path.stem}" for path in sorted((CHECKOUT / "steps").glob("*.py")) if path.stem != "__init__")


def _contexts(module: ModuleType) -> Iterator[StepFunctionContext]:
    found = [
        context
        for context in step_function_context_registry.values()
        if getattr(context.step_func, "__module__", "") == module.__name__
    ]
    return iter(sorted(found, key=lambda context: inspect.unwrap(context.step_func).__code__.co_firstlineno))


def _entry(context: StepFunctionContext, module: ModuleType, used: Sequence[Step]) -> StepEntry:
    pattern = context.parser.name
    example = next((step.name for step in used if _matches(context, step)), "")
    meaning = " ".join((inspect.getdoc(context.step_func) or "").split())
    return StepEntry(
        context.type or "*",
        pattern,
        meaning,
        example or EXAMPLES.get(pattern, pattern),
        module.__name__,
        context.parser,
    )


def _matches(context: StepFunctionContext, step: Step) -> bool:
    return context.type in (None, step.type) and bool(context.parser.is_matching(step.name))


def _steps_of(features: Iterable[Feature]) -> Iterator[Step]:
    """Yield every step as it runs: that of a background with each scenario, that of an outline with each example."""
    for feature in features:
        for scenario in feature.scenarios.values():
            yield from examples_of(scenario)


def examples_of(scenario: ScenarioTemplate) -> Iterator[Step]:
    """Yield the steps of a scenario, the background's first; those of an outline once for each example."""
    values = [each for examples in scenario.examples for each in examples.as_contexts()]
    for each in values or [{}]:
        yield from scenario.render(each).steps


def check_steps(feature: Feature, known: Sequence[StepEntry]) -> None:
    """Refuse a feature with a step that nobody defines. ConfigError with file, line and the closest step."""
    for step in _steps_of([feature]):
        of_keyword = [entry for entry in known if entry.keyword in ("*", step.type)]
        entry = next((entry for entry in of_keyword if entry.parser.is_matching(step.name)), None)
        if entry is None:
            close = difflib.get_close_matches(step.name, [entry.example for entry in of_keyword], 1, 0.6)
            hint = f"; did you mean `{close[0]}`" if close else ""
            raise ConfigError(
                f"{feature.filename}:{step.line_number}: expected a step that is defined, found "
                f"`{step.keyword} {step.name}`{hint}: `drills steps` lists them"
            )

        try:
            _check_arguments(entry, step)
        except ValueError as error:
            raise ConfigError(f"{feature.filename}:{step.line_number}: {error}") from None


def _check_arguments(entry: StepEntry, step: Step) -> None:
    """Refuse, in a shipped step, a check that there is none of and a duration that is none. ValueError with the sentence."""
    if not entry.module.startswith("steps."):
        return
    for name, value in (entry.parser.parse_arguments(step.name) or {}).items():
        if name in ("age", "objective"):
            parse_duration(value)
        elif '"{name}" check' in entry.pattern and value not in CHECKS:
            close = difflib.get_close_matches(value, CHECKS, 1)
            hint = f'; did you mean "{close[0]}"?' if close else ""
            raise ValueError(f'expected the name of a check, found "{value}"{hint}; there are {", ".join(CHECKS)}')


def check_additions(own: Sequence[StepEntry], shipped: Sequence[StepEntry]) -> None:
    """Refuse a step of one's own that would take the place of a shipped one. ConfigError with its module and the step."""
    for entry in own:
        rivals = (each for each in shipped if entry.keyword in ("*", each.keyword))
        taken = next((each for each in rivals if entry.parser.is_matching(each.example)), None)
        if taken:
            raise ConfigError(
                f"--steps: expected steps beside the shipped ones, found `{entry.pattern}` in {entry.module}, which "
                f"`{taken.keyword.title()} {taken.pattern}` has already: word it otherwise"
            )
