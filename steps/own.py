"""Features and step modules of the database's owner, run beside the shipped ones."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from pytest_bdd.exceptions import GherkinParseError
from pytest_bdd.feature import get_features
from pytest_bdd.parser import Feature
from pytest_bdd.scenario import scenario_wrapper_template_registry

from drills.errors import VERIFICATION_FAILED, ConfigError
from drills.model.finding import Outcome, Verdict
from drills.model.record import PromiseOutcome
from drills.run import context
from steps import catalogue, own_features
from steps.promises import journal_of

OUTCOMES: Mapping[PromiseOutcome, Outcome] = {"passed": "met", "failed": "missed", "broken": "not verified"}
_FOLDERS: list[str] = []


def folders() -> tuple[str, ...]:
    """Return the folders that `pytest_configure` has read from the run; features/test_features.py binds them."""
    return tuple(_FOLDERS)


def pytest_configure(config: pytest.Config) -> None:
    """Load the run's own step modules, and allow the tags of its own features."""
    folder = config.getoption("--drill-run")
    if folder is None:
        return
    choices = context.read(folder)
    effective = choices.effective()
    for path in choices.own_steps(effective):
        config.pluginmanager.register(load(path), str(path))
    for feature in _parse(choices.own_features(effective)):
        for tag in sorted(_tags(feature)):
            config.addinivalue_line("markers", f"{tag}: a tag of {Path(feature.filename).name}")
    _FOLDERS[:] = map(str, choices.own_features(effective))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Record a verdict for each scenario of the owner's, so that a failed one gives the exit code of a failed verification."""
    report = yield
    template = scenario_wrapper_template_registry.get(item.obj) if isinstance(item, pytest.Function) else None
    folder = item.config.getoption("--drill-run")
    if template and folder and any(Path(template.feature.filename).is_relative_to(each) for each in _FOLDERS):
        journal = journal_of(item.session, folder)
        ended = next((each for each in journal.record.promises if each.id == item.nodeid), None)
        if ended and ended.outcome in OUTCOMES:
            journal.verdict(Verdict(ended.name, OUTCOMES[ended.outcome], ended.reason, exit_code=VERIFICATION_FAILED))
    return report


def load(path: Path) -> ModuleType:
    """Load a step module from its file. ConfigError, one sentence, where it cannot be loaded."""
    name = f"own_steps_{path.absolute().parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"--steps: expected a Python file with steps, found {path}: correct the path")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever somebody's module raises while it is loaded is theirs to mend
        raise ConfigError(
            f"--steps: expected {path} to load, found {type(error).__name__}: {error}: mend the module"
        ) from error
    return module


def check(folders: Sequence[Path], modules: Sequence[Path]) -> None:
    """Refuse what cannot run before anything is made: a folder without features, a file that would not run as
    it is written, a step that nobody defines, or one that the suite defines already. ConfigError, one sentence with file and line.
    """
    if not folders and not modules:
        return
    for folder in folders:
        own_features.check_folder(folder)
    shipped, loaded = catalogue.steps(), [load(path) for path in modules]
    known = catalogue.steps(loaded)
    catalogue.check_additions(known[len(shipped) :], shipped)
    for feature in _parse(folders):
        catalogue.check_steps(feature, known)


def _parse(folders: Iterable[Path]) -> list[Feature]:
    try:
        return get_features(map(str, folders))
    except (GherkinParseError, UnicodeDecodeError) as error:
        message = " ".join(str(error).split())
        raise ConfigError(f"--features: expected features in Gherkin, found: {message}") from error


def _tags(feature: Feature) -> set[str]:
    """Return every tag of a feature: its own, and those of its rules, scenarios and examples."""
    found = set(feature.tags)
    for scenario in feature.scenarios.values():
        found.update(scenario.tags, scenario.rule.tags if scenario.rule else ())
        found.update(*(examples.tags for examples in scenario.examples))
    return found
