"""A record is held against what follows from the evidence: each value that does not is named."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks.observed import adapter_of
from drills.cli.evidence import replay as command
from drills.evidence.bundle import write_bundle
from drills.evidence.check import check_bundle
from drills.evidence.keys import load_public_key
from drills.evidence.seal import Seal
from drills.model.finding import Verdict
from drills.model.record import RunRecord
from drills.record import to_json
from drills.replay import beside, bundle
from drills.replay.replay import replay
from tests.support import replayed
from tests.support.evidence import PUBLIC, SIGNER

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
    first = dataclasses.replace(known.phases[0], end_seconds=6.0)
    found = differing(dataclasses.replace(known, phases=(first, *known.phases[1:])))
    assert "phases[run the blocking checks].start_seconds" in found


def test_an_objective_is_that_of_the_configuration() -> None:
    """An objective that was loosened afterwards is a difference."""
    known = replayed.record()
    loose = dataclasses.replace(known.objectives, rto_seconds=7200.0)
    assert differing(dataclasses.replace(known, objectives=loose)) == ["objectives.rto_seconds"]


def test_a_copy_that_was_checked_and_is_not_in_the_record_is_named() -> None:
    """Who leaves a whole restoration out has left its observations."""
    found = differing(dataclasses.replace(replayed.record(), restorations=()))
    assert f"restorations[{replayed.COPY}]" in found


def test_a_failure_only_adds_a_code() -> None:
    """What ended a run early is taken as it is recorded, and said to be."""
    found = replay(replayed.evidence())
    assert "failures and interruptions" in [left.what for left in found.not_derived]


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
    told = [{"name": "a promise", "steps": [{"result": {"status": each}} for each in steps]}] if steps else []
    found = [each.what for each in beside.scenarios(record, [{"name": "feature", "elements": told}])]
    assert found == (["promises[a promise].outcome"] if named else [])


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The evidence as files."""
    (tmp_path / "drill.json").write_text(to_json(replayed.record()))
    names = {kind: name for name, kind in bundle.KINDS.items()}
    noted = [
        {
            "copy": each.copy,
            "check": each.check,
            "database": each.database,
            "kind": names[type(each.seen)],
            "value": adapter_of(type(each.seen)).dump_python(each.seen, mode="json"),
        }
        for each in replayed.observations()
    ]
    (tmp_path / "observations.json").write_text(json.dumps({"format": 1, "observations": noted}))
    return tmp_path


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


def test_the_command_names_each_difference(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """11 where anything differs; JSON has what, recorded and derived."""
    (folder / "drill.json").write_text(to_json(changed("files", outcome="met")))
    assert run(folder, "--json") == 11
    found = json.loads(capsys.readouterr().out)
    assert found["exit_code"] == 11
    assert found["differences"] == [{"what": "verdicts[files].outcome", "recorded": "met", "derived": "missed"}]


def test_a_record_that_was_changed_and_signed_again_with_the_right_key_is_refused(folder: Path, tmp_path: Path) -> None:
    """Its signature verifies: only the replay shows that its verdict does not follow from what was observed."""
    files: dict[str, bytes | Path] = {path.name: path.read_bytes() for path in folder.iterdir()}
    files["drill.json"] = to_json(changed("files", outcome="met")).encode()
    forged = tmp_path / "chain" / "0001-1"
    write_bundle(forged, files, Seal(SIGNER))
    assert check_bundle(forged, load_public_key(PUBLIC.encode(), "drill.pub.pem")) == ()
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
