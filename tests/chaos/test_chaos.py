"""Drills that are struck while they run: a part of `tox -e chaos`, and what its rules find."""

from __future__ import annotations

import dataclasses
import json
import signal
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from drills import record
from tests.chaos import resources, run
from tests.chaos.cases import (
    BEFORE,
    FURTHER,
    INSTANCE,
    USUAL,
    VOLUME,
    Blow,
    Case,
    Plan,
    every_case,
    random_sequences,
)
from tests.chaos.judge import Facts, Trial, survived, violations
from tests.chaos.kinds.kind import Kind
from tests.chaos.kinds.known import KINDS
from tests.chaos.run import KEPT, SEED, kept
from tests.chaos.table import Result, page, part, parts_of
from tests.chaos.world import World, standing
from tests.soak.page import DOCUMENT
from tests.support.example_record import green_drill
from tests.support.paths import CHECKOUT
from tests.support.rds import eventually
from tests.support.sandbox import RunningSandbox
from tests.support.volumes import kept_volume

ALL = every_case(INSTANCE, 0, 7)
SCHEMA = json.loads((CHECKOUT / "reports/drill.schema.json").read_text(encoding="utf-8"))
FACTS = Facts(frozenset({"db-instance orders"}), "description", "rows")


def trial(case: Case, **changes: Any) -> Trial:
    """A drill that survived what struck it and proved all."""
    kept = json.loads(record.to_json(green_drill())) | changes.pop("record", {})
    given: dict[str, Any] = {"status": 0, "out": "", "record": kept, "struck": 1, "in_time": True, "seconds": 1.0}
    return Trial(case=case, before=FACTS, **(given | {"after": FACTS} | changes))


SURVIVED = Case("throttling @ restore", (Blow("restore", "throttling"),))
CALM = trial(Case("nothing", ())).record or {}
LEFT = dataclasses.replace(FACTS, resources=FACTS.resources | {"db-instance drill-x"})
BREACHES: dict[str, dict[str, Any]] = {
    "the source has another description": {"after": dataclasses.replace(FACTS, source="other")},
    "the source holds something else": {"after": dataclasses.replace(FACTS, content="other")},
    "the drill removed what it did not make: db-instance orders": {
        "after": dataclasses.replace(FACTS, resources=frozenset())
    },
    "it did not end within its limits": {"in_time": False},
    "processes are left": {"processes": ("postgres",)},
    "evidence: no bundle": {"problems": ("no bundle",)},
    "it has no record": {"record": None},
    "its record does not fit the schema": {"record": {"run_id": 7}},
    "it ended with 1, which is not documented": {"status": 1},
    "its record has no end": {"record": {"ended_at": None}},
    "it ended with 0, and its record says 12": {"record": {"code": 12}},
    "its record has no reason": {"status": 12, "record": {"code": 12, "verdicts": [], "promises": []}},
    "it left what its record does not name: db-instance drill-x": {"after": LEFT},
    "and its codes are": {"after": LEFT},
    "it passes, and": {"record": {"verdicts": CALM["verdicts"][1:]}},
    "it passes as a part": {"record": {"partial": True}},
}


@pytest.mark.parametrize("sentence", BREACHES)
def test_each_rule_can_be_broken(sentence: str) -> None:
    """A drill that breaks a rule is found out, and one that keeps them all is not."""
    changes = dict(BREACHES[sentence])
    gone = changes.get("record", {}) is None
    broken = trial(SURVIVED, **({"record": {}} | changes if not gone else {}))
    broken = dataclasses.replace(broken, record=None) if gone else broken

    assert any(sentence in each for each in violations(broken, SCHEMA, CALM))
    assert violations(trial(SURVIVED), SCHEMA, CALM) == ()


VOLUME_LEFT = dataclasses.replace(FACTS, resources=FACTS.resources | {"ebs-volume 7f3a"})
UNVERIFIED = {"name": "contents", "outcome": "not verified"}


def test_a_drill_that_never_passes_whole_is_held_against_one_that_nothing_struck() -> None:
    """Where an untouched drill ends with 12, so does one that survived, with the same verdicts; 0 and a lost verdict are found."""
    never = dict(CALM) | {"code": 12, "all_codes": [12], "verdicts": [*CALM["verdicts"], UNVERIFIED]}
    twelve = {"code": 12, "all_codes": [12]}

    def sentences(**changes: Any) -> tuple[str, ...]:
        found = trial(SURVIVED, **({"status": 12, "record": twelve} | changes))
        return tuple(each for each in violations(found, {}, never) if "schema" not in each)

    assert sentences(record=never) == ()
    assert survived(never, never)
    assert not survived(never | {"failures": [{"sentence": "AWS refused"}]}, never)
    assert sentences()[-1] == "it passes, and contents is not there instead of not verified"
    assert sentences(status=0, record={})[0] == "it passes, and a drill that nothing strikes ends with 12"


def test_what_goes_with_a_thing_that_is_named_or_has_no_name_is_named() -> None:
    """A volume by its restore job, or as that of a job that AWS does not tell; the automated backup of a cluster by the cluster."""
    known: dict[str, Any] = {"kind": "ebs-volume", "id": "drill-20261130-1200-ab-7f3a", "state": "left"}
    left: dict[str, Any] = {"record": {"resources": [known], "all_codes": [13]}, "after": VOLUME_LEFT}
    others = left | {"record": {"resources": [known | {"id": "drill-20261130-1200-ab-0000"}], "all_codes": [13]}}
    sentence = "it left what its record does not name: ebs-volume 7f3a"

    assert sentence not in violations(trial(SURVIVED, **left), {}, CALM)
    assert sentence in violations(trial(SURVIVED, **others), {}, CALM)
    unknown = known | {"id": "drill-20261130-1200-ab-of-unknown-job"}
    untold = left | {"record": {"resources": [unknown], "all_codes": [13]}}
    assert sentence not in violations(trial(SURVIVED, **untold), {}, CALM)
    cluster = {"kind": "db-cluster", "id": "drill-x", "state": "left"}
    backup = dataclasses.replace(FACTS, resources=FACTS.resources | {"db-cluster-snapshot rds:drill-x-2026-11-30"})
    of_cluster = {"record": {"resources": [cluster], "all_codes": [13]}, "after": backup}
    assert not any("does not name" in each for each in violations(trial(SURVIVED, **of_cluster), {}, CALM))
    other = of_cluster | {"record": {"resources": [cluster | {"id": "drill-y"}], "all_codes": [13]}}
    assert any("does not name: db-cluster-snap" in each for each in violations(trial(SURVIVED, **other), {}, CALM))


@pytest.mark.parametrize("plan", [each.plan for each in KINDS.values()], ids=lambda plan: plan.kind)
def test_the_cases_are_every_fault_and_signal_in_every_phase(plan: Plan) -> None:
    """Each fault of a kind is armed in each of its phases, each id is there once, and a seed gives the same sequences again."""
    ids = [case.id for case in every_case(plan, 0, 7)]

    assert {f"{name} @ {phase}" for name in plan.faults for phase in (BEFORE, *plan.phases)} <= set(ids)
    assert {f"KILL to step @ {phase}" for phase in plan.phases} <= set(ids)
    assert len(set(ids)) == len(ids) == plan.cells >= 60
    again = [list(random_sequences(plan, 20, seed)) for seed in (7, 7, 8)]
    assert again[0] == again[1] != again[2]
    assert plan is not INSTANCE or {*USUAL, *FURTHER} <= set(ids)


def test_the_page_names_what_was_broken_and_what_was_not_tried() -> None:
    """A violation stands in its cell and in a list, and a case that was not tried is never shown as one that was."""
    text = part(INSTANCE, [Result(SURVIVED, "0", ("the source has other rows",))], date(2026, 11, 29), "Linux", 7)

    assert "**1 violations**" in text
    assert "**0: 1 broken**" in text
    assert "- throttling @ restore: the source has other rows" in text
    assert text.count("| not tried") == len(ALL) - 1
    assert f"{len(ALL) - 1} cells and 200 sequences are not tried" in " ".join(text.split())
    assert "\nSequences:\n\nnone was tried." in text  # a table without rows is none on the site


def test_a_part_is_written_without_a_change_of_the_others() -> None:
    """What a page says of each kind is read from it again as it was, without what a soak has written below it."""
    parts = {"an RDS instance": "**no violations**\n\n| a |\n| --- |", VOLUME.title: "text"}
    text = page(parts, "## Drills again and again\n\nWritten by a soak.\n")

    assert parts_of(text) == parts
    assert page(parts_of(text), "## Drills again and again\n\nWritten by a soak.\n") == text


TRIED = [each for each in KINDS.values() if (KEPT / f"{each.plan.kind}.jsonl").exists()]


@pytest.mark.parametrize("kind", TRIED, ids=lambda kind: kind.plan.kind)
def test_the_page_has_the_cells_that_are_kept(kind: Kind) -> None:
    """The tables of a kind whose results are in the repository are those that its results make, to the letter."""
    results = kept(kind, every_case(kind.plan, kind.plan.sequences, SEED))
    made = part(kind.plan, results, date(2026, 11, 30), "Linux", SEED)
    shown = parts_of(DOCUMENT.read_text(encoding="utf-8"))[kind.plan.title]
    after = "Faults of AWS, by the phase"

    assert len(results) > 40
    assert shown.partition(after)[2].strip() == made.partition(after)[2].strip()


def test_a_part_of_the_cases_leaves_what_is_kept_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--only` neither forgets nor adds to the results that the page is written of."""
    kept_of_volumes = tmp_path / "tried" / f"{VOLUME.kind}.jsonl"
    kept_of_volumes.parent.mkdir()
    kept_of_volumes.write_text('["one", "12", []]\n', encoding="utf-8")
    monkeypatch.setattr(run, "KEPT", kept_of_volumes.parent)
    monkeypatch.setattr(run, "PART", tmp_path / "only")

    monkeypatch.setattr(run, "_worker", lambda *_: [])  # a case takes 20 seconds; what is kept is looked at here
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # those of the tests stay

    assert run.main(["--kind", VOLUME.kind, "--only", "KILL to user"]) == 1
    assert kept_of_volumes.read_text(encoding="utf-8") == '["one", "12", []]\n'


def test_a_part_of_no_case_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped `--only` does not look like a pass without violations."""
    with pytest.raises(SystemExit, match="2"):
        run.main(["--kind", VOLUME.kind, "--only", "KILLED"])
    assert "expected a part of the id of a case after --only, such as KILL, found ['KILLED']" in capsys.readouterr().err


@pytest.mark.sandbox
def test_what_is_there_is_known_by_the_names_that_a_record_gives(sandbox: RunningSandbox) -> None:
    """A volume by its name, one without a name by the restore job that made it; each can be removed by that."""
    sandbox.control.clear_faults()
    with kept_volume(sandbox) as made:
        job = made.start(made.metadata())
        made.ended(job)
        found = resources.there(sandbox)
        assert {f"ebs-volume {made.id}", f"ebs-volume {job}"} <= set(found)
        found[f"ebs-volume {job}"]()
        eventually(lambda: f"ebs-volume {job}" not in resources.there(sandbox), "the volume to be gone")
        assert f"ebs-volume {made.id}" in resources.there(sandbox)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A standing AWS with the sample, in which the drills of this module are struck."""
    with standing() as made:
        yield made


@pytest.fixture(scope="module")
def calm(world: World) -> Trial:
    """A drill that nothing strikes."""
    with world.patient():
        return world.try_case(Case("nothing", ()))


@pytest.mark.whole_run
@pytest.mark.postgres
@pytest.mark.sandbox
@pytest.mark.parametrize("name", [*USUAL, *(pytest.param(each, marks=pytest.mark.matrix) for each in FURTHER)])
def test_a_drill_keeps_the_rules_whatever_strikes_it(world: World, calm: Trial, name: str) -> None:
    """Source unchanged, nothing left unnamed, documented code, a reason, no pass without proof, sealed: a part of all cases."""
    assert calm.record
    assert (calm.status, violations(calm, SCHEMA, calm.record)) == (0, ())
    (case,) = [each for each in ALL if each.id == name]
    for _ in range(3):  # on a busy machine the phase may have been over before anybody struck: then nothing was tried
        found = world.try_case(case)
        assert violations(found, SCHEMA, calm.record) == (), f"{case.id}:\n{found.out}"
        world.remove(found.left)
        if found.struck:
            break
    assert found.struck, case.id
