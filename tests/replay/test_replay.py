"""A record is held against what follows from the evidence: each value that does not is named."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills import __version__
from drills.cli.evidence import replay as command
from drills.evidence.bundle import write_bundle
from drills.evidence.check import check_bundle
from drills.model.finding import Verdict
from drills.model.instance import Resource
from drills.model.record import ResumedFrom, RunRecord
from drills.record import to_json
from drills.replay import beside, bundle
from drills.replay.again import replay
from drills.replay.bundle import Evidence
from drills.replay.rendered import Renderers
from drills.replay.shapes import Scenario, Step
from tests.support import replayed
from tests.support.evidence import KEY, SIGNED
from tests.support.paths import CHECKOUT

OUTCOMES = ("met", "missed", "not verified")


def differing(record: RunRecord) -> list[str]:
    """What of a record is found not to follow from the evidence."""
    return [each.what for each in replay(replayed.evidence(record)).differences]


def changed(name: str, **values: Any) -> RunRecord:
    """The record with other values in the verdict of that name."""
    known = replayed.record()
    verdicts = [dataclasses.replace(each, **values) if each.name == name else each for each in known.verdicts]
    return dataclasses.replace(known, verdicts=tuple(verdicts))


def with_check(name: str, **values: Any) -> RunRecord:
    """The record with other values in the result of the check of that name."""
    known = replayed.record()
    (copy,) = known.restorations
    checks = [dataclasses.replace(each, **values) if each.name == name else each for each in copy.checks]
    return dataclasses.replace(known, restorations=(dataclasses.replace(copy, checks=tuple(checks)),))


def test_a_record_that_follows_from_its_evidence_has_no_differences() -> None:
    """Every verdict and the exit codes are derived again and are the same; what is taken as recorded is listed."""
    found = replay(replayed.evidence())
    assert found.differences == []
    assert found.codes == (11,)
    assert {"code", "all_codes", "verdicts[rto]", "verdicts[files]", "measurements[RTA]"} <= set(found.derived)
    assert all(left.reason for left in found.not_derived)


@given(st.sampled_from(replayed.record().verdicts), st.sampled_from(OUTCOMES))
def test_a_changed_verdict_is_named(verdict: Verdict, outcome: Any) -> None:
    """Whatever verdict is given another outcome, and whatever that is, the difference names it."""
    found = differing(changed(verdict.name, outcome=outcome))
    assert found == ([] if outcome == verdict.outcome else [f"verdicts[{verdict.name}].outcome"])


@given(st.sampled_from(replayed.record().verdicts))
def test_a_verdict_that_was_taken_out_is_named(verdict: Verdict) -> None:
    """A verdict that follows from the evidence and is not in the record is missing from it."""
    known = replayed.record()
    rest = tuple(each for each in known.verdicts if each != verdict)
    assert differing(dataclasses.replace(known, verdicts=rest)) == [f"verdicts[{verdict.name}]"]


def test_a_changed_exit_code_is_named() -> None:
    """The codes are derived from the derived verdicts, whatever the record's own verdicts are."""
    assert differing(dataclasses.replace(replayed.record(), code=0, all_codes=(0,))) == ["code", "all_codes[1]"]


def test_a_record_that_was_made_consistent_in_itself_is_found() -> None:
    """Who turns a verdict, its check and the code alike has still not changed what was observed."""
    known = with_check("files", outcome="met", findings=(), sentence="9 objects checked, no difference")
    verdicts = tuple(dataclasses.replace(each, outcome="met") for each in known.verdicts)
    found = differing(dataclasses.replace(known, verdicts=verdicts, code=0, all_codes=(0,)))
    copy = f"restorations[{replayed.COPY}].checks[files]"
    assert {f"{copy}.outcome", f"{copy}.findings[public.a]", "verdicts[files].outcome", "code"} <= set(found)


def test_a_finding_that_was_taken_out_is_named() -> None:
    """A warning that is gone is a difference too, though no verdict depends on it."""
    assert differing(with_check("indexes", findings=())) == [
        f"restorations[{replayed.COPY}].checks[indexes].findings[public.a_key]"
    ]


@pytest.mark.parametrize("seconds", [0.0, 69.9, None])
def test_a_changed_measurement_is_named(seconds: float | None) -> None:
    """RTA is added up from the phases again."""
    known = replayed.record()
    rta = dataclasses.replace(known.measurements[0], seconds=seconds)
    found = differing(dataclasses.replace(known, measurements=(rta, *known.measurements[1:])))
    assert found == ["measurements[RTA].seconds"]


def test_a_shortened_phase_is_named() -> None:
    """Phases are contiguous, and their monotonic and wall-clock times agree: one cannot be shortened alone."""
    known = replayed.record()
    first, restore, checks = known.phases
    shorter = dataclasses.replace(restore, end_seconds=6.0)
    found = differing(dataclasses.replace(known, phases=(first, shorter, checks)))
    assert "phases[run the blocking checks].start_seconds" in found


def test_an_objective_is_that_of_the_configuration() -> None:
    """An objective that was loosened afterwards is a difference."""
    known = replayed.record()
    loose = dataclasses.replace(known.objectives, rto_seconds=7200.0)
    assert differing(dataclasses.replace(known, objectives=loose)) == ["objectives.rto_seconds"]


def test_a_copy_that_a_run_goes_on_with_is_the_other_runs() -> None:
    """It has the name of that run and was asked for by it; the recovery time counts from that run's declaration."""
    began = replayed.record().phases[0].started_at
    resumed = [
        dataclasses.replace(replayed.record(), resumed_from=ResumedFrom(run_id, declared, began, "arn", "its record"))
        for run_id, declared in (("1", began), ("2", began), ("1", began - timedelta(minutes=1)))
    ]
    (unasked, of_another, earlier) = (dataclasses.replace(replayed.evidence(each), calls=()) for each in resumed)
    copy = f"restorations[{replayed.COPY}]"

    assert f"{copy}.instance_id" in _whats(dataclasses.replace(replayed.evidence(), calls=()))
    assert {f"{copy}.instance_id", f"{copy}.purpose"} & _whats(unasked) == set()
    assert f"{copy}.purpose" in _whats(of_another)
    assert _whats(earlier) - _whats(unasked) >= {"measurements[RTA].seconds"}


def test_the_calls_of_aws_are_counted_again() -> None:
    """A record that counts other calls than raw/aws has is named, also where it counts none; an earlier version counted none."""
    none = dataclasses.replace(replayed.record(), aws_calls=())
    old = tuple({name: each[name] for name in each if name != "repeated"} for each in replayed.calls())

    assert [each for each in differing(none) if each.startswith("aws_calls")] != []
    assert [
        each for each in _whats(dataclasses.replace(replayed.evidence(none), calls=old)) if "aws_calls" in each
    ] == []


def test_the_identity_of_what_was_made_is_the_one_that_aws_told() -> None:
    """A group's is told by the request that made it; of what AWS told nothing, and of a record without any, nothing is said."""
    made = {
        "operation": "ec2.CreateSecurityGroup",
        "parameters": {"GroupName": "drill-1"},
        "answer": {"GroupId": "sg-1"},
    }
    calls = (*replayed.calls(), {**replayed.calls()[0], "number": 2, **made})

    def named(identity: str, name: str = "drill-1") -> bool:
        group = Resource("security-group", name, "gone", resource_id=identity)
        known = replayed.record(resources=(*replayed.record().resources, group))
        return f"resources[{name}].resource_id" in _whats(dataclasses.replace(replayed.evidence(known), calls=calls))

    assert (named("sg-1"), named("sg-2"), named(""), named("sg-2", "drill-2")) == (False, True, False, False)


def _whats(evidence: Evidence) -> set[str]:
    return {each.what for each in replay(evidence).differences}


def test_a_copy_that_was_checked_and_is_not_in_the_record_is_named() -> None:
    """Who leaves a whole restoration out has left its observations."""
    found = differing(dataclasses.replace(replayed.record(), restorations=()))
    assert f"restorations[{replayed.COPY}]" in found


def test_a_failure_only_adds_a_code() -> None:
    """What ended a run early is taken as it is recorded, and said to be."""
    found = replay(replayed.evidence())
    assert any("failures" in left.what.split(", ") for left in found.not_derived)


@pytest.mark.parametrize(
    ("recorded", "steps", "named"),
    [
        ("failed", ["passed", "failed"], False),
        ("failed", ["passed", "passed"], True),
        ("passed", ["passed", "failed"], True),
        ("passed", [], True),
        ("skipped", ["passed"], False),
        ("skipped", ["passed", "failed"], True),
        ("broken", ["passed", "failed"], False),
    ],
)
def test_a_scenario_is_held_against_its_steps(recorded: Any, steps: list[str], named: bool) -> None:
    """One that passed has steps that all passed, and one with a failed step has failed; broken is graver than either."""
    known = replayed.record()
    record = dataclasses.replace(known, promises=(dataclasses.replace(known.promises[0], outcome=recorded),))
    told: list[Scenario] = []
    if steps:
        ended: list[Step] = [{"result": {"status": each}} for each in steps]
        told.append({"name": "a promise", "tags": [{"name": "drill"}], "steps": ended})
    found = [each.what for each in beside.scenarios(record, [{"name": "feature", "elements": told}])]
    assert found == (["promises[a promise].outcome"] if named else [])


# -- what lies beside the record --------------------------------------------------------------------------------------


def rendered(known: RunRecord) -> str:
    """A report in small."""
    return f"# Run {known.run_id}\nit ended with {known.code}\n"


@pytest.mark.parametrize(
    ("report", "made_by", "edited", "named", "left"),
    [
        ("# Run 1\nit ended with 11\n", ("0", "abc"), False, [], False),
        ("# Run 1\nit ended with 0\n", ("0", "abc"), False, ["summary.md, line 2"], False),
        ("# Run 1\n", ("0", "abc"), False, ["summary.md, line 2"], False),
        ("# Run 1\nit ended with 11\n\n", ("0", "abc"), False, ["summary.md"], False),
        ("another\n", ("0", "def"), False, [], True),
        ("another\n", ("1", "abc"), False, [], True),
        ("another\n", ("0", ""), False, [], True),
        ("another\n", ("0", "abc"), True, [], True),
    ],
)
def test_a_report_is_compared_where_the_same_program_made_it(
    report: str, made_by: tuple[str, str], edited: bool, named: list[str], left: bool
) -> None:
    """Its bytes follow from the record; what another commit or an edited checkout would make of it says nothing."""
    known = dataclasses.replace(replayed.record(), commit=made_by[1] and "abc")
    evidence = dataclasses.replace(replayed.evidence(known), reports={"summary.md": report.encode()}, start=None)
    found = replay(evidence, Renderers({"summary.md": rendered}, *made_by, changed=edited))
    assert [each.what for each in found.differences] == named
    assert ("summary.md" in [each.what for each in found.not_derived]) == left


def test_the_command_renders_what_a_run_renders() -> None:
    """Each report that is compared has its renderer, by the version and the commit of this checkout."""
    found = command.renderers_of(CHECKOUT)
    assert set(found.render) == set(bundle.REPORTS)
    assert (found.version, len(found.commit)) == (__version__, 40)


@pytest.mark.parametrize("settings", [b"[]\n ", b"{}"])
def test_the_settings_are_those_of_the_file(settings: bytes) -> None:
    """config.json has the record's settings, and start.json its digest."""
    found = replay(dataclasses.replace(replayed.evidence(), config=settings)).differences
    assert [each.what for each in found] == ["settings", "config.json"]


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The evidence as files."""
    return replayed.written(tmp_path / "bundle")


def run(folder: Path, *arguments: str) -> int:
    """The command's exit code."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(folder), *arguments]))


def test_the_command_says_that_nothing_differs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 where the record follows from the files, with what was not derived."""
    assert run(folder) == 0
    out = capsys.readouterr().out
    assert "none differs; its exit codes are 11" in out
    assert "not re-derived: " in out


def test_a_chain_is_replayed_bundle_by_bundle(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each; the worst one gives the exit code, and a run without a bundle or with half of one is 12."""
    files: dict[str, bytes | Path] = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    chain = tmp_path / "chain"
    write_bundle(chain / "0001-1", files, SIGNED)
    write_bundle(chain / "0002-1", {**files, "drill.json": to_json(changed("files", outcome="met")).encode()}, SIGNED)
    assert run(chain) == 11
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines[:2]] == ["0001-1", "0002-1"]
    assert ("none differs; its exit codes are 11" in lines[0], "1 difference; by the ev" in lines[1]) == (True, True)
    shutil.rmtree(chain / "0002-1")
    write_bundle(chain / "0002-1", {"drill.json": files["drill.json"]}, SIGNED)
    assert run(chain, "--json") == 12
    found = json.loads(capsys.readouterr().out)["bundles"]
    assert [(each["bundle"], each["exit_code"]) for each in found] == [("0001-1", 0), ("0002-1", 12)]
    assert "observations.json" in found[1]["sentence"]


def test_the_command_names_each_difference(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """11 where anything differs; JSON has what, recorded and derived."""
    (folder / "drill.json").write_text(to_json(changed("files", outcome="met")))
    assert run(folder, "--json") == 11
    found = json.loads(capsys.readouterr().out)
    assert found["exit_code"] == 11
    assert found["differences"] == [{"what": "verdicts[files].outcome", "recorded": "met", "derived": "missed"}]


def test_a_record_that_was_changed_and_signed_again_with_the_right_key_is_refused(folder: Path, tmp_path: Path) -> None:
    """Its signature verifies: only the replay shows that its verdict does not follow from what was observed."""
    files: dict[str, bytes | Path] = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    files["drill.json"] = to_json(changed("files", outcome="met")).encode()
    forged = tmp_path / "chain" / "0001-1"
    write_bundle(forged, files, SIGNED)
    assert check_bundle(forged, KEY) == ()
    assert run(forged) == 11


@pytest.mark.parametrize("name", ["drill.json", "observations.json"])
def test_a_file_that_is_missing_or_broken_cannot_be_replayed(folder: Path, name: str) -> None:
    """12 and a sentence that names the file; never "nothing differs"."""
    (folder / name).write_text("{")
    with pytest.raises(bundle.CannotReplay, match=name) as broken:
        bundle.read(folder)
    assert broken.value.exit_code == 12
    (folder / name).unlink()
    with pytest.raises(bundle.CannotReplay, match=name):
        bundle.read(folder)


def test_a_copy_that_was_compared_needs_its_manifest() -> None:
    """Without manifest.json a comparison is not derived, and nothing passes for it."""
    known = replayed.record()
    copy = dataclasses.replace(known.restorations[0], expectation="at backup")
    found = replay(replayed.evidence(dataclasses.replace(known, restorations=(copy,)))).differences
    assert any("manifest.json" in each.derived for each in found)
