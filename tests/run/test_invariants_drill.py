"""The owner's rules as a blocking check of the drill, and which data they are about."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from drills.checks import suite
from drills.checks.owner import invariants
from drills.checks.owner.invariants import Invariant, InvariantSet, load
from drills.cli import main as cli
from drills.clock import SystemClock
from drills.model.finding import CheckResult
from drills.objectives import verdicts as objectives
from drills.recovery.drill import Drill
from drills.run import context
from tests.features.test_gherkin import parsed, steps_of
from tests.support.checked import Checked, checked
from tests.support.cluster import module_state
from tests.support.drill import Staged
from tests.support.paths import CHECKOUT

__all__ = ["checked", "module_state"]
SAMPLE = CHECKOUT / "invariants"
CONFIG = """
[targets.orders]
vault = "orders-vault"
invariants = "rules"
"""
LINES = Invariant("lines", "Every order has lines.", "select 1 where false")
OTHER = Invariant("other", "Nothing is odd.", "select 1 where false")


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in with drill.toml, whose target has a rule."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drill.toml").write_text(CONFIG)
    for name in ("rules", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.sql").write_text(f"-- It is {name}.\nselect 1 where false")
    return tmp_path


def chosen(**given: object) -> InvariantSet:
    """The rules of a run that was started so."""
    choices = dataclasses.replace(context.RunOptions(), **given)  # type: ignore[arg-type]
    return choices.rules(choices.effective())


def test_a_seed_is_not_judged_by_the_rules_of_other_data(configured: Path) -> None:
    """The target's rules are about its own data; rules for a seed are named beside it."""
    assert [rule.name for rule in chosen().invariants] == ["rules"]
    assert chosen(seed="/my.dump") == InvariantSet(reason=invariants.OF_OTHER_DATA)
    assert [rule.name for rule in chosen(seed="/my.dump", overrides={"--invariants": "mine"}).invariants] == ["mine"]
    assert [rule.name for rule in chosen(overrides={"--invariants": "mine"}).invariants] == ["mine"]

    (configured / "drill.toml").write_text('[targets.orders]\nvault = "vault"')
    assert chosen() == InvariantSet(reason=invariants.NONE)


@pytest.mark.parametrize(
    ("folder", "said"), [("none", "found no folder none"), ("empty", "found none in empty"), ("bad", "a sentence")]
)
def test_a_rule_that_says_nothing_is_refused_before_the_run(
    configured: Path, capsys: pytest.CaptureFixture[str], folder: str, said: str
) -> None:
    """Wrong usage, one sentence, and no run."""
    (configured / "empty").mkdir()
    (configured / "bad").mkdir()
    (configured / "bad" / "one.sql").write_text("select 1")

    assert cli.main(["run", "--invariants", folder]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (configured / "reports").exists()


@pytest.mark.parametrize(
    ("rules", "result", "sentence", "outcome", "requirement"),
    [
        (InvariantSet((LINES,)), {"outcome": "met", "compared": 1}, "every order has lines", "met", "required"),
        (InvariantSet((LINES,)), {"outcome": "met", "compared": 1}, "pigs fly", "not verified", "optional"),
        (
            InvariantSet(),
            {"outcome": "not verified", "requirement": "optional"},
            "pigs fly",
            "not verified",
            "optional",
        ),
        (InvariantSet((LINES,)), {"outcome": "not verified"}, "Every order has lines.", "not verified", "required"),
    ],
)
def test_a_sentence_is_judged_by_its_own_rule(
    rules: InvariantSet, result: dict[str, object], sentence: str, outcome: str, requirement: str
) -> None:
    """A rule that is not there is optional, one that was not asked is not verified."""
    given = CheckResult(**{"name": invariants.NAME, "sentence": "", **result})  # type: ignore[arg-type]
    verdict = invariants.verdict(rules, given, sentence)

    assert verdict is not None
    assert (verdict.outcome, verdict.requirement) == (outcome, requirement)
    assert invariants.verdict(rules, None, sentence) is None


@pytest.mark.postgres
def test_what_one_rule_lacks_is_not_held_against_another(checked: Checked) -> None:
    """Broken, mistaken, of a database that is not there, and held: each by itself; a mistake is one sentence."""
    rules = InvariantSet((
        LINES,
        Invariant("broken", "There are no orders.", "select id from shop.orders"),
        Invariant("mistaken", "It is there.", "select * from nowhere"),
        Invariant("two", "It is one statement.", "select 1 where false) as a; select (1"),
        Invariant("elsewhere", "It is elsewhere.", "select 1 where false", "nowhere"),
    ))  # fmt: skip
    results = suite.blocking(suite.Comparison(checked.connect, None, SystemClock(), invariants=rules))

    result = results[-1]
    assert (result.name, result.outcome, result.blocking) == (invariants.NAME, "missed", True)
    verdicts = [invariants.verdict(rules, result, rule.sentence) for rule in rules.invariants]
    assert [verdict.outcome for verdict in verdicts if verdict] == ["met", "missed", *["not verified"] * 3]
    assert [verdict.sentence for verdict in verdicts if verdict][1:] == [
        "There are no orders. 24,000 rows break that",
        'invariant mistaken: expected a query that the copy can answer, found: relation "nowhere" does not exist: '
        "correct mistaken.sql",
        "invariant two: expected a query that the copy can answer, found: cannot insert multiple commands into a "
        "prepared statement: correct two.sql",
        "invariant elsewhere: there is no database nowhere",
    ]


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("orders_have_lines", "delete from shop.order_line where order_id = 80"),
        ("totals_add_up", "update shop.orders set total = total + 1 where id = 81"),
        ("history_is_of_orders", "delete from shop.orders where id = 80"),
        ("manuals_have_texts", "select lo_unlink(content) from shop.manual where product_id = 3"),
    ],
)
def test_each_rule_of_the_sample_can_be_broken(checked: Checked, name: str, harm: str) -> None:
    """And holds where nothing is wrong."""
    (rule,) = (rule for rule in load(SAMPLE) if rule.name == name)
    with checked.copy() as copy, checked.snapshot(copy) as connection:
        honest = invariants.evaluate(connection, [rule])
        checked.harm(copy, harm)
        with checked.snapshot(copy) as later:
            harmed = invariants.evaluate(later, [rule])

    assert (honest.compared, honest.findings, honest.unverified) == (1, (), ())
    assert [finding.object for finding in harmed.findings] == [f"invariant {name}"]


def test_each_sentence_of_the_features_is_a_rule_of_the_sample() -> None:
    """A misspelt one would be skipped for good."""
    said = {
        step.name.split('"')[1] + "."
        for feature in parsed()
        for step in steps_of(feature)
        if step.name.startswith("it is true of the copy that")
    }

    assert said == {rule.sentence[0].lower() + rule.sentence[1:] for rule in load(SAMPLE)}


@pytest.mark.postgres
@pytest.mark.sandbox
def test_a_broken_rule_keeps_a_copy_from_being_usable(staged: Staged, tmp_path: Path) -> None:
    """The check blocks: verification failed, and no RTA, whatever else was met. The sample's own rules hold."""
    rules = InvariantSet((*load(SAMPLE), Invariant("none", "There are no orders.", "select 1 from shop.orders")))
    with staged.drill(tmp_path) as running:
        drill = Drill(dataclasses.replace(running.setup, rules=rules), staged.stored, staged.key)
        restoration = drill.recover()
        kept = [drill.judge_rule(rule.sentence) for rule in rules.invariants]
        record = running.record

    assert [verdict.outcome for verdict in kept if verdict] == [*["met"] * 4, "missed"]
    blocking = [check.name for check in restoration.checks if check.blocking]
    assert blocking == ["connection", "queries", "catalog", "sequences", "canary", "invariants"]
    assert objectives.exit_codes(record)[0] == 11
    (rta,) = (measured for measured in record.measurements if measured.name == "RTA")
    assert (rta.seconds, "did not pass invariants" in rta.sentence) == (None, True)
