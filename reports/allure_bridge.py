"""pytest plugin that shows Gherkin in Allure's results, on top of allure-pytest; without `--alluredir` it does nothing.

Each Gherkin step becomes an Allure step with its data table and doc string; steps that were not reached are shown as
skipped; scenarios that never began (skipped by a tag) have their title and description nevertheless. Everything that is
written goes through one logger, which masks passwords and leaves out what only pytest-bdd's inner workings put there.
"""

from __future__ import annotations

import ast
import csv
import io
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import allure
import allure_commons
import pytest
from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import ExecutableItem, Parameter, StatusDetails, TestResult, TestResultContainer
from pytest_bdd.parser import Feature, Scenario, ScenarioTemplate, Step
from pytest_bdd.scenario import scenario_wrapper_template_registry

from drills.printable import printable_lines
from drills.redaction import redact

OPEN = pytest.StashKey[list[AbstractContextManager[Any]]]()
REACHED = pytest.StashKey[int]()
# The registration of a step looks like a fixture, and so do the values of an outline: neither is a set-up.
INNER_FIXTURES = ("pytestbdd_stepdef_", "_pytest_bdd_example")
PASSED_ON = ("pytestconfig", "journal")  # handed from pytest to the steps; nothing is set up
ASSERTION = (
    "AssertionError: "  # the class says nothing beside "failed"; that of an error says what kind it is, and stays
)
EXAMPLE_PARAMETER = "_pytest_bdd_example"


def as_csv(rows: list[list[object]]) -> str:
    """Return a data table as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _begin(step: Step) -> AbstractContextManager[Any]:
    context: AbstractContextManager[Any] = allure.step(f"{step.keyword} {step.name}")
    context.__enter__()
    if step.datatable is not None:
        rows = [list(row) for row in step.datatable.raw()]
        allure.attach(as_csv(rows), "Data table", allure.attachment_type.CSV)
    if step.docstring:
        allure.attach(step.docstring, "Text", allure.attachment_type.TEXT)
    return context


def pytest_bdd_before_scenario(request: pytest.FixtureRequest, feature: Feature, scenario: Scenario) -> None:
    """Note that no step of this scenario has been reached yet."""
    request.node.stash[OPEN], request.node.stash[REACHED] = [], 0


def pytest_bdd_before_step(request: pytest.FixtureRequest, step: Step) -> None:
    """Open the Allure step, so that what the step function attaches lies within it."""
    request.node.stash[REACHED] += 1
    request.node.stash[OPEN].append(_begin(step))


def pytest_bdd_after_step(request: pytest.FixtureRequest) -> None:
    """Close the Allure step of a step that passed."""
    request.node.stash[OPEN].pop().__exit__(None, None, None)


def pytest_bdd_step_func_lookup_error(request: pytest.FixtureRequest, step: Step, exception: Exception) -> None:
    """Show a step without a definition as broken: it was reached, although it was never opened."""
    request.node.stash[REACHED] += 1
    _begin(step).__exit__(type(exception), exception, exception.__traceback__)


def pytest_bdd_after_scenario(request: pytest.FixtureRequest, scenario: Scenario) -> None:
    """Close the open steps with the reason (failure, skip, Ctrl-C: this runs in a `finally`), and add the others as skipped."""
    error = sys.exc_info()
    for context in reversed(request.node.stash[OPEN]):
        context.__exit__(*error)
    for step in list(scenario.steps)[request.node.stash[REACHED] :]:
        not_reached = pytest.skip.Exception("not reached")
        _begin(step).__exit__(type(not_reached), not_reached, None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Give the result its title, feature and description; here, because a skipped scenario comes this far too."""
    function = getattr(item, "obj", None)
    template = scenario_wrapper_template_registry.get(function) if function is not None else None
    if template is None:
        return
    allure.dynamic.title(_title(item, template))
    allure.dynamic.feature(template.feature.name or "")
    paragraphs = [text.strip() for text in (template.description, template.feature.description) if text]
    allure.dynamic.description("\n\n".join(filter(None, paragraphs)) or template.feature.name or "")


def _title(item: pytest.Item, template: ScenarioTemplate) -> str:
    values: Mapping[str, Any] = getattr(getattr(item, "callspec", None), "params", {}).get(EXAMPLE_PARAMETER, {})
    name = template.render(values).name
    others = [template.render(each).name for examples in template.examples for each in examples.as_contexts()]
    return f"{name} ({', '.join(values.values())})" if others.count(name) > 1 else name  # as steps/promises.py


class CleanLogger:
    """Writes Allure's files with passwords masked, paths counted from the project's root, and no inner fixtures."""

    def __init__(self, plain: AllureFileLogger, root: Path) -> None:
        self._plain = plain
        self._root = f"{root}/"

    def _clean(self, text: str) -> str:
        return printable_lines(redact(text.replace(self._root, "")))

    @allure_commons.hookimpl
    def report_result(self, result: TestResult) -> None:
        """Write the result of one test."""
        result.parameters = [fresh for old in result.parameters for fresh in _unfold(old)]
        self._clean_item(result)
        self._plain.report_result(result)

    @allure_commons.hookimpl
    def report_container(self, container: TestResultContainer) -> None:
        """Write set-ups and tear-downs, where any of them is more than pytest's inner workings."""
        container.befores = [each for each in container.befores if not _is_inner(each.name)]
        container.afters = [each for each in container.afters if not _is_inner(each.name)]
        for item in (*container.befores, *container.afters):
            self._clean_item(item)
        if container.befores or container.afters:
            self._plain.report_container(container)

    @allure_commons.hookimpl
    def report_attached_file(self, source: str, file_name: str) -> None:
        """Write an attachment that is a file; text is cleaned, anything else is copied."""
        self.report_attached_data(Path(source).read_bytes(), file_name)

    @allure_commons.hookimpl
    def report_attached_data(self, body: str | bytes, file_name: str) -> None:
        """Write an attachment."""
        try:
            text = body if isinstance(body, str) else bytes(body).decode("utf-8")
        except UnicodeDecodeError:
            self._plain.report_attached_data(body, file_name)
        else:
            self._plain.report_attached_data(
                redact(text) if file_name.endswith(".json") else self._clean(text), file_name
            )

    @allure_commons.hookimpl
    def report_globals(self, globals_item: Any) -> None:
        """Write what belongs to the whole session; this project puts nothing there."""
        self._plain.report_globals(globals_item)

    def _clean_item(self, item: ExecutableItem) -> None:
        item.name = self._clean(item.name) if item.name else item.name
        item.description = self._clean(item.description) if item.description else item.description
        for parameter in item.parameters:
            parameter.value = self._clean(str(parameter.value))
        details: StatusDetails | None = item.statusDetails
        if details is not None:
            details.message = (
                self._clean(details.message).removeprefix(ASSERTION) if details.message else details.message
            )
            details.trace = self._clean(details.trace) if details.trace else details.trace
        for step in item.steps:
            self._clean_item(step)


def _is_inner(name: str) -> bool:
    return name.startswith(INNER_FIXTURES) or name.partition("::")[0] in PASSED_ON


def _unfold(parameter: Parameter) -> list[Parameter]:
    """Return an outline's values as a parameter each, where allure-pytest shows one dictionary."""
    if parameter.name != EXAMPLE_PARAMETER:
        return [parameter]
    try:
        values = ast.literal_eval(parameter.value)
    except (ValueError, SyntaxError):
        return []
    return [Parameter(name=name, value=str(value)) for name, value in values.items()]


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Replace allure-pytest's logger, which masks nothing, by CleanLogger."""
    manager = allure_commons.plugin_manager
    plain = next((each for each in manager.get_plugins() if type(each) is AllureFileLogger), None)
    if plain is None:  # no --alluredir
        return
    ours = CleanLogger(plain, config.rootpath)
    manager.unregister(plain)
    manager.register(ours)

    def put_back() -> None:  # allure-pytest takes its own logger away and fails when it is not there
        manager.unregister(ours)
        manager.register(plain)

    config.add_cleanup(put_back)
