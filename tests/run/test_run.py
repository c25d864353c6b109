"""A whole run that passes, through the installed `drills run`: its exit code, what is written, what is left; one for all tests."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from drills.evidence.chain_check import verify_chain
from drills.evidence.folder import read_chain
from drills.history import store as history_file
from drills.replay import bundle
from drills.replay.again import replay
from drills.sandbox.door.requests import violations
from drills.sandbox.door.responses import operation_model
from tests.features.test_gherkin import of_databases, scenarios_of
from tests.support import policies
from tests.support.explicit import MUST
from tests.support.runs import Place, Run, drills, made_place, nothing_left

pytestmark = [pytest.mark.whole_run, pytest.mark.postgres, pytest.mark.sandbox]
RESTORE = "RestoreDBInstanceFromDBSnapshot"
# those about another recovery point than the newest are no part of such a run
SCENARIOS = sum(1 for feature in of_databases() if "chosen_point" not in feature.tags for _ in scenarios_of(feature))


def calls_of(run: Run, operation: str) -> list[dict[str, Any]]:
    """The successful calls of an operation in the run's call log."""
    return [call for call in json.loads(run.read("calls.json")) if call["operation"] == operation and not call["error"]]


OWN = {
    "There are orders": 'the table "shop.orders" has at least 1000 rows',
    "Orders are recent": 'the newest "placed_at" in the table "shop.orders" is at most "520w" older than the disaster',
    "Orders have customers": "every order has a customer",
}
OWN_STEP = """
from pytest_bdd import then

@then("every order has a customer")
def every_order_has_a_customer(restored_copy):
    with restored_copy("orders") as connection:
        assert connection.execute("select count(*) from shop.orders where customer_id is null").fetchone() == (0,)
"""


def own_features(folder: Path) -> tuple[str, ...]:
    """Write a feature and a step module of one's own; the options that name them."""
    folder.mkdir()
    lost, restored = (
        "the protected database of the target is lost",
        "its newest recovery point has been restored to a scratch instance",
    )
    scenarios = "".join(f"  Scenario: {name}\n    Then {step}\n" for name, step in OWN.items())
    text = f"@shop\nFeature: Orders\n  Background:\n    Given {lost}\n    And {restored}\n\n{scenarios}"
    (folder / "orders.feature").write_text(text)
    (folder / "own_steps.py").write_text(OWN_STEP)
    return "--features", str(folder), "--steps", str(folder / "own_steps.py")


@pytest.fixture(scope="module")
def green() -> Iterator[tuple[Place, Run]]:
    """A run of the sample application, in a place of its own."""
    with made_place(rendering=True) as made:
        before = made.files()
        run = drills(made, "run", *own_features(made.root / "own"))
        nothing_left(made)
        assert made.files() == before
        yield made, run


def test_a_green_run_ends_with_zero(green: tuple[Place, Run]) -> None:
    """All promises held, all of the features were kept, and the record validates against the schema in the repository."""
    place, run = green
    kept = run.record

    assert (run.status, run.err) == (0, "")
    assert (kept.code, kept.all_codes, kept.failures, kept.pytest_status) == (0, (0,), (), 0)
    assert {promise.outcome for promise in kept.promises} == {"passed"}
    assert len(kept.promises) == SCENARIOS + len(OWN)
    assert not kept.partial
    assert kept.simulated
    schema = json.loads((place.checkout / "reports/drill.schema.json").read_text())
    jsonschema.validate(json.loads(run.read("drill.json")), schema)


def test_each_request_of_the_features_is_one_that_aws_takes(green: tuple[Place, Run]) -> None:
    """botocore's model and the documented limits hold for every call of the whole run, those of the source among them."""
    calls = [call for call in json.loads(green[1].read("calls.json")) if not call["error"]]
    wrong = []
    for call in calls:
        model = operation_model(call["service"], call["operation"])
        assert model is not None
        protocol = model.service_model.metadata["protocol"]
        wrong += [f"{call['operation']}: {each}" for each in violations(model, protocol, call["parameters"])]

    assert wrong == []
    copies = [call for call in calls if call["parameters"].get("DBInstanceIdentifier", "").startswith("drill-")]
    sent = [(call["operation"], {name.partition(".")[0] for name in call["parameters"]}) for call in copies]
    assert [name for name, members in sent if set(MUST.get(name, ())) - members] == []
    assert len({call["operation"] for call in calls}) > 40


def test_each_call_of_a_run_is_one_that_its_policies_allow(green: tuple[Place, Run]) -> None:
    """The log of the whole run against infra/iam: what a drill, its posture and a cut-over call, and no more than the sandbox's
    own scene beside; what of theirs a whole run does not call is known.
    """
    _, run = green
    assert run.folder is not None
    called: dict[str, set[str]] = {}
    for path in (run.folder / "raw/aws").glob("*.json"):
        read = json.loads(path.read_text())
        for call in read["calls"]:
            called.setdefault(call["process"], set()).add(read["operation"])
    drilled = policies.actions_of(set().union(*(called.get(name, set()) for name in ("features", "clean", "posture"))))
    moved = policies.actions_of(called["cut-over"])
    beside = policies.actions_of(
        each.replace("elasticloadbalancing", "elbv2") for each in policies.calls()["sandbox alone"]
    )

    assert drilled - policies.allowed("drill") - policies.allowed("posture") <= beside
    assert moved - policies.allowed("cutover") <= beside
    assert policies.actions_of(policies.calls()["drill"]["calls"]) - drilled <= policies.RARELY["drill"]
    assert policies.actions_of(policies.calls()["cutover"]["calls"]) - moved <= policies.RARELY["cutover"]


def test_what_a_run_writes_is_its_owners_alone(green: tuple[Place, Run]) -> None:
    """Logs, raw answers, records and manifests, whatever the umask of the caller; reports are made to be handed on."""
    folder = green[1].folder
    assert folder is not None
    written = [*folder.rglob("*.log"), *folder.rglob(".*"), *(folder / "raw").rglob("*"), *folder.glob("*.jsonl")]
    files = [path for path in written if path.is_file()]

    assert [path.name for path in files if path.stat().st_mode & 0o077] == []
    assert {"features.log", "run.log"} <= {path.name for path in files}


def test_promises_of_ones_own_stand_beside_the_shipped_ones(green: tuple[Place, Run]) -> None:
    """Each is kept like any other, with a verdict of its own, and looks at the one copy."""
    _, run = green

    assert {promise.name for promise in run.record.promises} >= set(OWN)
    assert {verdict.name: verdict.outcome for verdict in run.record.verdicts if verdict.name in OWN} == dict.fromkeys(
        OWN, "met"
    )


def test_phases_are_contiguous_and_add_up_to_the_wall_clock(green: tuple[Place, Run]) -> None:
    """The run's own two instants say the same, and nothing that it did in AWS lies outside of them; RTA is the sum of the
    phases on its clock. What the caller measured is longer: Python starts before, and the reports are written after.
    """
    _, run = green
    kept = run.record

    for one, next_one in itertools.pairwise(kept.phases):
        assert one.end_seconds == next_one.start_seconds
    assert kept.phases[0].start_seconds == 0
    total = sum(phase.seconds or 0.0 for phase in kept.phases)
    assert total == pytest.approx(kept.wall_seconds)
    assert kept.ended_at is not None
    assert total == pytest.approx((kept.ended_at - kept.started_at).total_seconds(), abs=5)  # two clocks, read in turn
    assert total < run.seconds
    called = sorted(datetime.fromisoformat(call["at"]) for call in json.loads(run.read("calls.json")))
    assert kept.started_at < called[0] < called[-1] < kept.ended_at
    assert {phase.name for phase in kept.phases} >= {"restore", "clean up"}
    rta = next(measurement for measurement in kept.measurements if measurement.name == "RTA")
    assert rta.seconds == pytest.approx(sum(phase.seconds or 0.0 for phase in kept.phases if phase.clock == "rta"))


def test_one_restore_serves_the_scenarios(green: tuple[Place, Run]) -> None:
    """The call log shows one restore for the recovery, one for the rehearsal, one to a moment and one for the cut-over,
    and that what was made was deleted; a cut-over deletes nothing.
    """
    _, run = green
    restored = [call["parameters"]["DBInstanceIdentifier"] for call in calls_of(run, RESTORE)]
    to_a_moment = calls_of(run, "RestoreDBInstanceToPointInTime")
    restored += [call["parameters"]["TargetDBInstanceIdentifier"] for call in to_a_moment]
    deleted = {call["parameters"]["DBInstanceIdentifier"] for call in calls_of(run, "DeleteDBInstance")}

    source = run.record.target.instance_id if run.record.target else ""
    cut_over = [name for name in restored if name == source]
    restored = [name for name in restored if name != source]

    assert cut_over == [source]
    made = {restoration.purpose: restoration.instance_id for restoration in run.record.restorations}
    assert next(iter(made)) == "recovery"
    assert restored == [made["recovery"], made["rehearsal"], made["moment"]]
    assert len(run.record.restorations) == 3
    assert deleted == set(restored)
    assert {resource.state for resource in run.record.resources} == {"gone"}


def test_the_cut_over_lies_between_the_recovery_and_the_clean_up(green: tuple[Place, Run]) -> None:
    """Nobody looks at the source after it; it counts in no RTA, and its journal lies in the run's folder."""
    _, run = green
    assert run.folder is not None
    names = [phase.name for phase in run.record.phases]
    (journal,) = (run.folder / "cutover").glob("*/*.jsonl")
    events = [json.loads(line) for line in journal.read_text().splitlines()]

    assert names.index("restore to a point in time") < names.index("cut over") < names.index("roll back the cut-over")
    assert names.index("roll back the cut-over") < names.index("clean up")
    assert {phase.clock for phase in run.record.phases if "cut" in phase.name} == {""}
    assert [event["event"] for event in events if event["event"] in ("opened", "turned back", "ended")] == [
        *("opened", "ended", "turned back", "ended")
    ]
    answers = [answer for event in events for _, answer in event["door"]]
    assert answers[:3] == ["200", "503", "200"]


def test_what_a_cut_over_did_is_in_allures_report(green: tuple[Place, Run]) -> None:
    """Journal, answers of the address and comparison are attached to the step that moved the service."""
    _, run = green
    assert run.folder is not None
    results = [json.loads(path.read_text()) for path in (run.folder / "allure-results").glob("*-result.json")]
    steps = [step for result in results for step in result["steps"] if "the service has been moved to" in step["name"]]
    attached = {each["name"]: each["source"] for each in steps[0]["attachments"]}

    assert set(attached) == {
        *("What was done, and when", "What the address answered", "Comparison of the configuration", "Journal")
    }
    text = run.read(f"allure-results/{attached['What the address answered']}")
    assert [line.split()[-1] for line in text.splitlines()][:3] == ["200", "503", "200"]
    assert "settings compared with the old instance" in run.read(
        f"allure-results/{attached['Comparison of the configuration']}"
    )


def test_every_report_is_there(green: tuple[Place, Run]) -> None:
    """junit.xml with each scenario, Allure's results with Gherkin steps, the summary, the page, the link to the latest."""
    place, run = green
    assert run.folder is not None
    suite = ElementTree.fromstring(run.read("junit.xml")).find("testsuite")
    results = [json.loads(path.read_text()) for path in (run.folder / "allure-results").glob("*-result.json")]
    steps = [step["name"] for result in results for step in result["steps"]]

    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == (str(SCENARIOS + len(OWN)), "0", "0")
    assert len(results) == SCENARIOS + len(OWN)
    assert any("the protected database of the target is lost" in name for name in steps)
    assert run.read("summary.md").startswith("# Passed: all promises held")
    assert "SIMULATED" in run.read("report.html")
    assert (place.checkout / "reports/out/latest").resolve() == run.folder.resolve()


def test_a_run_is_added_to_the_history(green: tuple[Place, Run]) -> None:
    """With the group that it is compared in, and the trend of that day in its own record."""
    place, run = green
    lines, problems = history_file.read(place.checkout / history_file.DEFAULT)
    (line,) = [each for each in lines if each.run_id == run.record.run_id]

    assert problems == ()
    assert (line.outcome, line.not_counted, line.rta_seconds is not None) == ("passed", "", True)
    assert (line.key.account, line.key.region, line.key.dbi_resource_id) == ("123456789012", "eu-central-1", "")
    assert (line.key.instance_class, line.key.point_kind, line.key.simulated) == ("db.t4g.medium", "awsbackup", True)
    assert run.record.history is not None
    assert run.record.run_id in [point.run_id for point in run.record.history.points]


def test_every_verdict_is_derived_again_from_the_files_alone(green: tuple[Place, Run]) -> None:
    """Nothing differs, also where a target has features of its own; what alters the record afterwards is named."""
    _, run = green
    assert run.folder is not None
    evidence = bundle.read(run.folder)
    found = replay(evidence)
    known = evidence.record

    assert (found.differences, found.codes) == ([], (0,))
    assert known.disaster
    assert known.worst_case
    assert {f"verdicts[{each.name}]" for each in known.verdicts} <= set(found.derived)
    left = {each.what for each in found.not_derived if each.what.startswith("verdicts")}
    assert left == {f"verdicts[{name}]" for name in OWN}
    (content,) = [each for each in known.verdicts if each.name == "content"]
    altered: dict[str, dict[str, Any]] = {
        "disaster.at": {"disaster": dataclasses.replace(known.disaster, at=known.started_at)},
        "verdicts[content]": {"verdicts": tuple(each for each in known.verdicts if each != content)},
        "worst_case.seconds": {"worst_case": dataclasses.replace(known.worst_case, seconds=1.0)},
        f"promises[{known.promises[0].name}]": {"promises": known.promises[1:]},
        f"resources[{known.resources[0].id}]": {"resources": known.resources[1:]},
    }
    for what, changes in altered.items():
        other = dataclasses.replace(evidence, record=dataclasses.replace(known, **changes))
        assert what in [each.what for each in replay(other).differences]


def test_a_run_leaves_a_bundle_in_its_chain(green: tuple[Place, Run]) -> None:
    """The start record is of before anything was asked of AWS; the bundle has the record with its code, and verifies."""
    place, run = green
    chain = place.checkout / "reports/evidence/sandbox-myappdbprod"
    (entry,) = read_chain(chain)[0].bundles
    start = chain / "starts" / f"{entry.name}.json"
    called = min(datetime.fromisoformat(call["at"]) for call in json.loads(run.read("calls.json")))

    assert verify_chain(chain, None) == ()
    assert entry.record == run.record
    assert start.stat().st_mtime < called.timestamp()
    assert {path.name for path in (chain / entry.name / "raw" / "aws").iterdir()}
    assert f"evidence: reports/evidence/sandbox-myappdbprod/{entry.name} (number 1" in run.out


def test_no_password_is_kept(green: tuple[Place, Run]) -> None:
    """No file of the run holds a password that was made during it, and the call log shows stars in their places."""
    place, run = green
    assert run.folder is not None
    folders = (run.folder, place.checkout / "reports/evidence")
    texts = {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}
    passwords = [call["parameters"]["MasterUserPassword"] for call in calls_of(run, "CreateDBInstance")]
    modified = [call["parameters"] for call in calls_of(run, "ModifyDBInstance")]
    passwords += [given["MasterUserPassword"] for given in modified if "MasterUserPassword" in given]
    passwords += [call["parameters"]["SecretString"] for call in calls_of(run, "CreateSecret")]

    assert len(place.tokens) >= 4  # source, recovery, rehearsal, moment
    assert [str(path) for path, text in texts.items() for token in place.tokens if token.encode() in text] == []
    assert not [token for token in place.tokens if token in run.out]
    assert len(passwords) >= 5  # the source's twice: given, and kept for the service
    assert set(passwords) == {"****"}


def test_a_report_can_be_made_again_from_the_record(green: tuple[Place, Run], tmp_path: Path) -> None:
    """`drills report` on a folder that holds the record alone writes the same summary."""
    place, run = green
    alone = tmp_path / (run.folder or tmp_path).name
    alone.mkdir()
    (alone / "drill.json").write_text(run.read("drill.json"))

    again = drills(place, "report", str(alone))

    assert (again.status, again.err) == (0, "")
    assert (alone / "summary.md").read_text() == run.read("summary.md")
