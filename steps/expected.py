"""The scenarios that a run is expected to hold: the shipped ones by a list of their own, and those of the run's owner.

shipped.json lists the shipped scenarios, so that a run knows them although a feature was deleted, emptied or left out.
`python -m steps.expected` writes it from features/; a test holds the two equal.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from drills.config.load import Config
from drills.errors import ConfigError
from drills.model.instance import OTHERS
from drills.model.record import ExpectedPromise

if TYPE_CHECKING:
    from pytest_bdd.parser import Feature, Scenario, ScenarioTemplate, Step

CHECKOUT = Path(__file__).resolve().parents[1]
INDEX = Path(__file__).parent / "shipped.json"
# Scenarios about another recovery point than the run drills (`sample` of the target) are no part of it.
OTHER_POINT = {True: "chosen_point", False: "newest_point"}
# Scenarios with a restore of their own, which would come between the phases that are measured.
AFTERWARDS = ("damages_backup", "moment")
CUTS_OVER = "cuts_over"
_RECOVERS = re.compile(r"\b(restored|recovered|moved to a database)\b")


@dataclass(frozen=True, slots=True)
class Shipped:
    """A shipped scenario as it runs, an outline once for each example. `steps` is the digest of their text."""

    feature: str
    name: str
    tags: tuple[str, ...]
    recovers: bool
    steps: str


def shipped() -> tuple[Shipped, ...]:
    """Return the shipped scenarios as the list has them."""
    return tuple(
        Shipped(**(raw | {"tags": tuple(raw["tags"])})) for raw in json.loads(INDEX.read_text(encoding="utf-8"))
    )


def tags_not_run_in(tier: str) -> tuple[str, ...]:
    """Return the tags whose scenarios a run of this tier skips."""
    return () if tier == "full" else (*AFTERWARDS, CUTS_OVER)


def read(folders: Iterable[Path]) -> tuple[Shipped, ...]:
    """Return the scenarios of the features below the folders. Raises what pytest-bdd raises for a feature that is none."""
    from pytest_bdd.feature import get_features  # loads pytest, which the list of the shipped ones does not need

    features = get_features([str(folder) for folder in folders])
    return tuple(each for feature in features for each in _scenarios(feature))


def of_run(effective: Config, own: Sequence[Path]) -> tuple[ExpectedPromise, ...]:
    """Return the scenarios that belong to a run with this configuration, `own` being the folders of the owner's features.

    Those that the profile or the target leaves out are among them: they are skipped with that reason.
    """
    found = (each for each in (*shipped(), *(read(own) if own else ())) if belongs(each.tags, effective))
    return tuple(ExpectedPromise(each.feature, each.name, each.recovers) for each in found)


def belongs(tags: Collection[str], effective: Config) -> bool:
    """Return whether a scenario with these tags is about a target such as this one, and about the point that is drilled."""
    target = effective.target
    of_kind = all((kind.tag in tags) == (kind is target.other) for kind in OTHERS.values())
    return of_kind and OTHER_POINT[target.sample.kind == "newest"] not in tags


def changes(folder: Path = CHECKOUT / "features") -> tuple[str, ...]:
    """Return the names of the shipped scenarios that the folder does not have, or has with other steps."""
    try:
        there = {(each.feature, each.name): each.steps for each in read([folder])}
    except Exception as error:  # whatever a broken feature makes pytest-bdd raise
        raise ConfigError(
            f"expected the shipped features in {folder}, found: {' '.join(str(error).split())}: restore the folder from "
            "the repository"
        ) from error
    return tuple(each.name for each in shipped() if there.get((each.feature, each.name)) != each.steps)


def _scenarios(feature: Feature) -> Iterator[Shipped]:
    for template in feature.scenarios.values():
        for values in _examples(template) or [{}]:
            yield _scenario(feature, template, template.render(values), name_of_example(template, values))


def _examples(template: ScenarioTemplate) -> list[Mapping[str, str]]:
    return [values for examples in template.examples for values in examples.as_contexts()]


def name_of_example(template: ScenarioTemplate, values: Mapping[str, str]) -> str:
    """Return the scenario's name; that of an outline with the `values` of an example in it.

    Where two examples of an outline would have one name, the values follow it (as in reports/allure_bridge.py).
    """
    name = template.render(values).name
    names = [template.render(each).name for each in _examples(template)]
    return f"{name} ({', '.join(values.values())})" if names.count(name) > 1 else name


def _scenario(feature: Feature, template: ScenarioTemplate, scenario: Scenario, name: str) -> Shipped:
    lines = [f"{step.type} {step.name} {_cells(step)} {step.docstring or ''}" for step in scenario.steps]
    recovers = any(step.type != "then" and _RECOVERS.search(step.name) for step in scenario.steps)
    tags = template.tags.union(feature.tags, template.rule.tags if template.rule else ())
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    return Shipped(feature.name, name, tuple(sorted(tags)), recovers, digest)


def _cells(step: Step) -> list[list[str]]:
    return [[cell.value for cell in row.cells] for row in step.datatable.rows] if step.datatable else []


def as_json(scenarios: Iterable[Shipped]) -> str:
    """Return the list as shipped.json holds it, a scenario a line."""
    lines = ",\n".join(" " + json.dumps(asdict(each), ensure_ascii=False) for each in scenarios)
    return f"[\n{lines}\n]\n"


if __name__ == "__main__":
    INDEX.write_text(as_json(read([CHECKOUT / "features"])), encoding="utf-8")
