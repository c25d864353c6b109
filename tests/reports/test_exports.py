"""The exports of a run: OSCAL assessment results and an in-toto statement."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from drills.model.evidence import Initiator
from drills.model.record import RunRecord
from drills.objectives import verdicts as all_verdicts
from drills.record import to_json
from reports import write
from reports.export import files, in_toto, oscal
from reports.view.whom import by_whom
from tests.support.controls_record import judged, real_drill
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, running_drill

ARN = "arn:aws:sts::123456789012:assumed-role/drill/ann"
JOB = "https://github.example/shop/drills/actions/runs/4711"
DIGESTS = {"drill.json": "a" * 64, "config.json": "b" * 64}
RUNS = [real_drill(), green_drill(), failing_drill(), interrupted_drill(), running_drill()]
DIGEST: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"pattern": "^[A-Za-z0-9]+$"},
    "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]{40,128}$"},
}
RESOURCE: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 1}, "uri": {"type": "string"}, "digest": DIGEST},
    "anyOf": [{"required": ["uri"]}, {"required": ["digest"]}, {"required": ["content"]}],
}
# Of the statement, the resource descriptor and the predicate, as their specifications describe them.
IN_TOTO: dict[str, Any] = {
    "type": "object",
    "required": ["_type", "subject", "predicateType", "predicate"],
    "additionalProperties": False,
    "properties": {
        "_type": {"const": "https://in-toto.io/Statement/v1"},
        "subject": {"type": "array", "minItems": 1, "items": RESOURCE | {"required": ["digest"]}},
        "predicateType": {"const": "https://in-toto.io/attestation/test-result/v0.1"},
        "predicate": {
            "type": "object",
            "required": ["result", "configuration"],
            "properties": {
                "result": {"enum": ["PASSED", "WARNED", "FAILED"]},
                "configuration": {"type": "array", "items": RESOURCE},
                "url": {"type": "string", "format": "uri"},
                "passedTests": {"type": "array", "items": {"type": "string"}},
                "warnedTests": {"type": "array", "items": {"type": "string"}},
                "failedTests": {"type": "array", "items": {"type": "string"}},
            },
        },
    },
}


def statement(record: RunRecord) -> dict[str, Any]:
    """The in-toto statement of a run."""
    made: dict[str, Any] = json.loads(in_toto.render(record, DIGESTS))
    return made


def results(record: RunRecord) -> dict[str, Any]:
    """The OSCAL assessment results of a run."""
    made: dict[str, Any] = json.loads(oscal.render(record, DIGESTS))["assessment-results"]
    return made


def walk(value: object) -> Iterator[tuple[str, object]]:
    """Every key of a document with its value."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name, each
            yield from walk(each)
    elif isinstance(value, list):
        for each in value:
            yield from walk(each)


@pytest.mark.parametrize("record", RUNS, ids=lambda record: record.profile + str(record.code))
def test_a_statement_is_as_its_specification_says(record: RunRecord) -> None:
    """Subjects with digests, a result, and what the test was configured by, of every kind of run."""
    Draft202012Validator(IN_TOTO).validate(statement(record))


def test_the_schema_refuses_what_is_no_statement() -> None:
    """The schema of these tests can fail."""
    for name in ("subject", "predicate"):
        assert not Draft202012Validator(IN_TOTO).is_valid({**statement(real_drill()), name: {}})


def test_a_statement_names_the_recovery_point_and_the_files() -> None:
    """The recovery point has no digest: the evidence is the subject, and the point stands in the predicate."""
    made = statement(real_drill())

    assert [each["name"] for each in made["subject"]] == ["config.json", "drill.json"]
    assert made["predicate"]["urn:x-drills:evidence:1"]["recoveryPoint"].startswith("arn:aws:rds:")
    assert made["predicate"]["configuration"][0] == {"name": "config.json", "digest": {"sha256": "b" * 64}}


def test_what_is_no_drill_is_never_passed() -> None:
    """Who reads the result and the lists alone does not take a simulated, partial or failed run for one that passed."""
    real = real_drill()
    assert statement(real)["predicate"]["result"] == "PASSED"
    for record in (green_drill(), dataclasses.replace(real, partial=True)):
        predicate = statement(record)["predicate"]
        assert (predicate["result"], predicate["passedTests"]) == ("WARNED", [])
        assert predicate["warnedTests"]
    for record in (judged(real, 11, content="missed"), interrupted_drill(), running_drill(), failing_drill()):
        assert statement(record)["predicate"]["result"] == "FAILED"


def test_findings_are_for_full_rows_of_a_run_on_aws() -> None:
    """Each control of SP 800-53 with the degree full has one, and no other; parts and supporting ones are observations."""
    made = results(real_drill())["results"][0]
    states = {each["target"]["target-id"]: each["target"]["status"]["state"] for each in made["findings"]}

    assert states == dict.fromkeys(
        ["cp-4.3_obj", "cp-9.1_obj", "cp-9.2_obj", "cp-10_obj", "cp-10.2_obj", "cp-10.4_obj"], "satisfied"
    )
    known = {each["uuid"]: each for each in made["observations"]}
    for finding in made["findings"]:
        observed = known[finding["related-observations"][0]["observation-uuid"]]
        assert {"name": "degree", "ns": "urn:x-drills:evidence:1", "value": "full"} in observed["props"]


def test_a_failed_test_is_not_satisfied() -> None:
    """Nothing that rests on the copy is called satisfied once its verification has failed."""
    made = results(judged(real_drill(), 11, content="missed"))["results"][0]
    assert {each["target"]["status"]["state"] for each in made["findings"]} == {"not-satisfied"}

    late = results(judged(real_drill(), 10, rto="missed"))["results"][0]
    states = {each["target"]["target-id"]: each["target"]["status"]["state"] for each in late["findings"]}
    assert (states["cp-9.1_obj"], states["cp-10_obj"]) == ("satisfied", "not-satisfied")


def test_what_did_not_run_is_no_finding() -> None:
    """Neither satisfied nor not: the run says nothing about it."""
    record = real_drill()
    verdicts = tuple(each for each in record.verdicts if each.name != "content")
    made = results(dataclasses.replace(record, verdicts=verdicts))["results"][0]

    assert [each["target"]["target-id"] for each in made["findings"]] == ["cp-10.2_obj"]


@pytest.mark.parametrize("record", [green_drill(), interrupted_drill(), running_drill()])
def test_a_simulated_run_finds_nothing(record: RunRecord) -> None:
    """It has observations of its verdicts, under its stamp, and no finding."""
    made = results(record)["results"][0]

    assert "findings" not in made
    assert made["title"].startswith("SIMULATED: says nothing about recovery on AWS")
    assert {"name": "simulated", "ns": "urn:x-drills:evidence:1", "value": "true"} in made["props"]


@pytest.mark.parametrize("record", RUNS, ids=lambda record: record.profile + str(record.code))
def test_assessment_results_have_the_shape_of_oscal(record: RunRecord) -> None:
    """UUIDs of version 5 that are there once and lead somewhere, tests as methods, one-line titles and values, no empty list."""
    made = results(record)
    named = [str(value) for name, value in walk(made) if name == "uuid"]

    assert len(named) == len(set(named))
    assert {uuid.UUID(each).version for each in named} == {5}
    for name, value in walk(made):
        if name in ("title", "value"):
            assert re.fullmatch(r"\S(.*\S)?", str(value)), (name, value)
        if name == "href" and str(value).startswith("#"):
            assert str(value)[1:] in named
        assert value not in ([], {}, None, "")
    observations = made["results"][0].get("observations", [])
    assert all(each["methods"] == ["TEST"] for each in observations)
    assert made["metadata"]["oscal-version"] == "1.2.1"


@pytest.mark.parametrize(
    ("who", "name"),
    [
        (Initiator(arn=ARN, user="ann", host="laptop"), ARN),
        (Initiator(user="runner", host="ci-7", actor="octocat", job=JOB), "octocat"),
        (Initiator(arn="not known: ExpiredToken", user="ann", host="laptop"), "ann"),
    ],
    ids=["AWS", "CI", "refused"],
)
def test_the_exports_say_by_whom_the_run_was_carried_out(who: Initiator, name: str) -> None:
    """OSCAL has a party with a role, in-toto our own part and the address of the job; both say whose word it is."""
    record = dataclasses.replace(real_drill(), initiator=who, trigger="schedule")
    metadata, predicate = results(record)["metadata"], statement(record)["predicate"]
    (party,), (held,) = metadata["parties"], metadata["responsible-parties"]

    assert (party["type"], party["name"], party["remarks"]) == ("person", name, by_whom(record))
    assert held == {"role-id": metadata["roles"][0]["id"], "party-uuids": [party["uuid"]]}
    assert {"name": "trigger", "ns": "urn:x-drills:evidence:1", "value": "schedule"} in results(record)["results"][0][
        "props"
    ]
    told = {each["name"]: each["value"] for each in party["props"]}
    assert ("aws-arn" in told) == who.arn.startswith("arn:")
    assert told["user"] == who.user
    ours = predicate["urn:x-drills:evidence:1"]
    assert (ours["initiator"]["told"], ours["trigger"]) == (by_whom(record), "schedule")
    assert predicate.get("url", "") == who.job
    Draft202012Validator(IN_TOTO).validate(statement(record))


def test_nobody_is_named_where_nobody_is_known() -> None:
    """A party without a name would be one that was looked at."""
    assert not {"parties", "roles", "responsible-parties"} & set(results(real_drill())["metadata"])
    assert "url" not in statement(real_drill())["predicate"]


def test_exports_of_a_record_are_the_same_each_time() -> None:
    """No clock and no chance: who has the record can make them again; another run has other UUIDs."""
    assert oscal.render(real_drill(), DIGESTS) == oscal.render(real_drill(), DIGESTS)
    assert in_toto.render(real_drill(), DIGESTS) == in_toto.render(real_drill(), DIGESTS)
    other = dataclasses.replace(real_drill(), run_id="20261124-141503-a1b2")
    mine = {value for name, value in walk(results(real_drill())) if name == "uuid"}
    assert not mine & {value for name, value in walk(results(other)) if name == "uuid"}


def test_nothing_in_the_exports_is_called_compliant() -> None:
    """They support controls; addresses of sources stand in none."""
    for text in (oscal.render(real_drill(), DIGESTS), in_toto.render(real_drill(), DIGESTS)):
        assert not re.search("complian|certified", text, re.IGNORECASE)


def test_control_characters_and_line_breaks_do_not_reach_an_export() -> None:
    """A sentence with a name from a database stays one line of text."""
    record = real_drill()
    hostile = tuple(dataclasses.replace(each, sentence="table a\nb\x1b[2J") for each in record.verdicts)
    text = oscal.render(dataclasses.replace(record, verdicts=hostile), DIGESTS)

    assert "\\u001b[" not in text
    assert "table a b" in text


def test_the_exports_name_the_digests_of_the_files_as_they_are_at_the_end(tmp_path: Path) -> None:
    """The record's digest is that of drill.json once all reports are written, also where its exit code was held back."""
    folder = tmp_path / "out" / "run"
    (folder / "raw").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "raw" / "answer.json").write_text("[]")
    held = all_verdicts.hold_until_reported(real_drill(), (0,))
    (folder / "drill.json").write_text(to_json(held), encoding="utf-8")

    assert write.write_all(folder, render_allure=False) == []
    made = json.loads((folder / files.FOLDER / files.IN_TOTO).read_text("utf-8"))
    digests = {each["name"]: each["digest"]["sha256"] for each in made["subject"]}
    assert digests == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("config.json", "drill.json", "raw/answer.json")
    }
    assert (folder / files.FOLDER / files.OSCAL).exists()


def test_a_record_that_is_not_written_anew_keeps_its_digest(tmp_path: Path) -> None:
    """One that was written by an earlier version, or moved through another program, is named as it lies there."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "drill.json").write_text(json.dumps(json.loads(to_json(real_drill()))), encoding="utf-8")

    write.write_all(folder, render_allure=False)
    digest = hashlib.sha256((folder / "drill.json").read_bytes()).hexdigest()
    assert files.digests_of(folder, real_drill())["drill.json"] == digest
