"""Whole runs that fail, and one of the user's own data, through the installed `drills run`; each run shared by its tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from drills.evidence.chain_check import verify_chain
from drills.evidence.folder import read_chain
from drills.replay import bundle
from drills.replay.again import replay
from drills.sandbox.postgres import runas
from drills.sandbox.postgres.cluster import ADMIN, PORT
from tests.support.cluster import cluster_in, make, module_state, usable
from tests.support.runs import Place, Run, at_once, drills, made_place, nothing_left

__all__ = ["module_state"]

pytestmark = [pytest.mark.whole_run, pytest.mark.postgres, pytest.mark.sandbox]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Where the runs of this module take place; at the end nothing of them is left."""
    with made_place() as made:
        before = made.files()
        yield made
        nothing_left(made)
        assert made.files() == before


@pytest.fixture(scope="module")
def dump(module_state: Path) -> Iterator[Path]:
    """A small database of somebody else, dumped by the bundled PostgreSQL 16."""
    cluster = cluster_in(module_state, usable("bundled-16"), "small")
    try:
        make(cluster)
        cluster.start()
        with cluster.connect() as session:
            session.execute("create role keeper")
            session.execute("create database plants")
            password = session.info.password
        with cluster.connect("plants") as session:
            session.execute("create table plant (id int generated always as identity primary key, name text not null)")
            session.execute("insert into plant (name) select 'plant ' || n from generate_series(1, 500) as n")
            session.execute("grant select on plant to keeper")
        path = module_state / "plants.dump"
        where = [f"--host={cluster.run_dir}", f"--port={PORT}", f"--username={ADMIN}", "--format=custom"]
        tool = [str(cluster.binaries.tool("pg_dump")), *where, f"--file={path}", "plants"]
        done = runas.run_as(None, tool, cwd=module_state, env={"PGPASSWORD": password})
        assert done.returncode == 0, done.stderr
        yield path
    finally:
        cluster.kill()


@pytest.fixture(scope="module")
def failing(place: Place, dump: Path) -> Iterator[dict[str, Run]]:
    """Runs with a damaged backup, two at a time: they must not disturb each other. The rules of the sample would block."""
    runs = at_once(
        place,
        ("run", "--seed", str(dump), "--damage", "row", "--rto", "1ms", "--", "-k", "not damages_backup"),
        ("run", "--damage", "grant", "--", "-k", "grants or usable"),
    )
    yield dict(zip(("row", "grant"), runs, strict=True))
    nothing_left(place)


def test_two_runs_at_once_stand_in_one_chain(failing: dict[str, Run], place: Place) -> None:
    """Each has a number of its own, and its bundle has its code."""
    chain = place.checkout / "reports/evidence/sandbox-myappdbprod"
    sealed = {each.record.run_id: each.record for each in read_chain(chain)[0].bundles}

    assert verify_chain(chain, None) == ()
    assert [sealed[run.record.run_id] for run in failing.values()] == [run.record for run in failing.values()]


@pytest.fixture(scope="module")
def seeded(place: Place, dump: Path) -> Iterator[Run]:
    """A whole run of the user's own data."""
    yield drills(place, "run", "--seed", str(dump))
    nothing_left(place)


NOTHING = {
    "nothing": (12, "nothing was recovered: expected a scenario that restores", "-k", "nothing_matches"),
    "always": (12, "nothing was recovered: expected a scenario that restores", "-k", "worst_case or posture"),
    "collected": (12, "nothing was run: -- --collect-only makes pytest list", "--collect-only"),
    "broken": (2, 'found: Error importing plugin "no_such_plugin"', "-p", "no_such_plugin"),
}


@pytest.mark.parametrize("kind", ["row", "grant"])
def test_a_damaged_backup_fails_the_drill(failing: dict[str, Run], kind: str) -> None:
    """Exit 11; a finding names the object that the record says was damaged, and the summary has its sentence."""
    run = failing[kind]
    (note,) = [note for note in run.record.notes if note.startswith("damaged on purpose before the restore: ")]
    damaged = note.removeprefix("damaged on purpose before the restore: ").split(": ")[0]
    recovery = next(each for each in run.record.restorations if each.purpose == "recovery")
    found = [finding for check in recovery.checks for finding in check.findings if finding.severity == "error"]

    assert run.status == 11
    assert [finding.object for finding in found] == [damaged]
    assert damaged.replace("_", "\\_") in run.read("summary.md")
    assert {promise.outcome for promise in run.record.promises} >= {"failed", "passed"}


def test_the_verdicts_of_a_failed_drill_follow_from_its_files(failing: dict[str, Run]) -> None:
    """Whatever failed, the same is derived again, with the same exit codes; a verdict turned afterwards is named."""
    for run in failing.values():
        assert run.folder is not None
        evidence = bundle.read(run.folder)
        found = replay(evidence)
        assert (found.differences, found.codes) == ([], evidence.record.all_codes)
        turned = tuple(dataclasses.replace(each, outcome="met") for each in evidence.record.verdicts)
        praised = dataclasses.replace(evidence.record, verdicts=turned, code=0, all_codes=(0,))
        differing = [each.what for each in replay(dataclasses.replace(evidence, record=praised)).differences]
        assert "code" in differing


def test_a_difference_and_a_missed_objective_give_both_codes(failing: dict[str, Run]) -> None:
    """11 is what the run exits with; 10 follows it, and 12 for what the cut-over never came to."""
    assert failing["row"].record.all_codes == (11, 10, 12)


def test_a_cut_over_to_a_damaged_backup_fails_and_is_undone(failing: dict[str, Run]) -> None:
    """It stops at the data that are not right, before anybody may write; what was true until then is judged as such."""
    promises = {each.name: each for each in failing["row"].record.promises if "cuts_over" in each.tags}
    (moves, closed, configured, idle, undone) = promises.values()

    assert [each.outcome for each in (moves, closed, configured, idle, undone)] == [
        *("failed", "passed", "passed", "broken", "passed")
    ]
    assert moves.reason.startswith(
        "the cut-over stopped where it was to verify its data while nobody else can reach it"
    )
    assert "content: " in moves.reason
    assert "roll back" not in moves.reason  # which the drill has done
    assert f'"{moves.name}"' in idle.reason
    assert "content" not in idle.reason
    sentences = {each.name: each.sentence for each in failing["row"].record.verdicts}
    assert sentences["cut-over: closed"].endswith("and was never opened")


def test_a_copy_that_did_not_pass_what_blocks_was_never_usable(failing: dict[str, Run]) -> None:
    """A missing grant blocks: no RTA is claimed, so the objective is not verified, 12 beside 11."""
    run = failing["grant"]

    assert run.record.all_codes == (11, 12)
    assert next(measured.seconds for measured in run.record.measurements if measured.name == "RTA") is None


def test_own_data_is_drilled(seeded: Run) -> None:
    """A dump of a small database is loaded, backed up, restored and found whole; its role is reported."""
    run = seeded

    assert (run.status, run.record.failures) == (0, ())
    assert run.record.target is not None
    assert run.record.target.databases == ("plants",)
    assert any("keeper" in note for note in run.record.notes)
    others = {promise.name for promise in run.record.promises if promise.outcome != "passed"}
    rules = {promise.name for promise in run.record.promises if "always true" in promise.feature}
    # there is none, and the sample's rules are not the data's: which is said, and not shown as passed
    asked = {
        "The owner's queries meet their response time targets",
        "The sample application is usable within a quarter of an hour",
    }
    assert others == {"The large objects match the backup", *rules, *asked}
    assert {p.reason for p in run.record.promises if p.name in rules if "--invariants FOLDER" not in p.reason} == set()


def test_a_run_of_own_data_is_derived_again(seeded: Run) -> None:
    """Nothing differs where data are somebody's own."""
    assert seeded.folder is not None
    found = replay(bundle.read(seeded.folder))
    assert (found.differences, found.codes) == ([], seeded.record.all_codes)


@pytest.mark.parametrize("name", NOTHING)
def test_a_run_that_would_recover_nothing_is_refused(place: Place, name: str) -> None:
    """Whatever keeps each scenario of a recovery from being run: one sentence before anything is started or made."""
    code, words, *arguments = NOTHING[name]
    run = drills(place, "run", "--", *map(str, arguments))

    assert (run.status, run.out, run.folder) == (code, "", None)
    assert str(words) in run.err
    assert run.err.count("\n") == 1
    nothing_left(place)
