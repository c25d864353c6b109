"""What AWS really answers is read as what it means: 139 shapes from public sources, through boto3's own parsers.

tests/support/recorded_answers.py says what they are; each names its source in tests/aws/answers/.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.parsers import create_parser
from hypothesis import given, settings
from hypothesis import strategies as st

from drills.aws import guards, lineage, plans, read, recorder, restore_jobs
from drills.aws.calls.answers import IncompleteAnswer
from drills.aws.databases.described import read_instance
from drills.aws.databases.kinds import INSTANCE
from drills.aws.recorded_fields import FIELDS
from drills.aws.settings import settings_from
from drills.aws.wait import NEVER_AVAILABLE, is_settled
from drills.cutover.configuration import configuration_from
from drills.errors import DrillError
from drills.model.finding import CheckResult
from drills.model.parity import compare, not_verified
from drills.posture.judge import judge
from drills.posture.read import read as read_posture
from drills.sandbox.door.contract import violations
from drills.schedule.plans import LongestDurations, rules_of
from tests.support.recorded_answers import (
    ALWAYS_THERE,
    NOW,
    TARGET,
    RecordedAnswer,
    RecordedAws,
    first_row,
    recorded_answers,
)

INSTANCES = recorded_answers("instances.json")
SNAPSHOTS = recorded_answers("snapshots.json")
OTHERS = recorded_answers("others.json")
ALL = [*INSTANCES, *SNAPSHOTS, *OTHERS]
OUTCOMES = ("met", "missed", "not verified")
READ = [each for each in ALL if each.is_read]
every = pytest.mark.parametrize("answer", ALL, ids=lambda answer: answer.name)


def parsed(answer: RecordedAnswer) -> dict[str, Any]:
    """The answer as boto3 gives it, from its bytes."""
    response = {"headers": {}, "body": answer.on_the_wire(), "status_code": 200}
    shape = answer.model.output_shape
    assert shape is not None
    found = dict(create_parser(answer.protocol).parse(response, shape))
    found.pop("ResponseMetadata", None)
    return found


def member(answer: RecordedAnswer) -> dict[str, Any]:
    """What an answer is about, as boto3 gives it."""
    return first_row(parsed(answer))


def posture(served: RecordedAws, folder: Path) -> tuple[CheckResult, ...]:
    """What posture judges of the instance."""
    return judge(read_posture(served.clients, served.clients, TARGET, now=NOW, store=folder))


@pytest.fixture(scope="module")
def served() -> RecordedAws:
    """One set of clients: reading the models of the services takes a while."""
    return RecordedAws()


@pytest.fixture(autouse=True)
def usual(served: RecordedAws) -> Iterator[None]:
    """Each test begins with the usual answers."""
    yield
    served.given.clear()


# -- the answers themselves ----------------------------------------------------------------------------------------------


def test_there_are_enough_of_them_and_each_has_its_source() -> None:
    """Sixty and more, most kinds of pending values, and more than fifty that were recorded from AWS."""
    assert len(ALL) >= 60
    assert Counter(each.kind for each in ALL)["recorded"] > 50
    assert all(each.source.startswith("https://") for each in ALL)
    shape: Any = INSTANCES[0].model.service_model.shape_for("PendingModifiedValues")
    seen = {key for each in INSTANCES for key in each.member.get("PendingModifiedValues", {})}
    assert seen == set(shape.members)  # every kind that RDS has


@every
def test_an_answer_has_the_shape_that_botocore_knows(answer: RecordedAnswer) -> None:
    """Its members, types, enumerated words and instants: what was written down wrongly would be found here."""
    assert violations(answer.model, answer.protocol, 200, answer.on_the_wire()) == []


@every
def test_what_the_suite_reads_of_it_is_kept_in_the_evidence(answer: RecordedAnswer) -> None:
    """The record of the calls takes each answer, and leaves out none of the operation's status and identity."""
    _, allowed = FIELDS.get(answer.operation, ("", ""))
    kept = recorder.keep(parsed(answer), recorder.tree_of(allowed), "salt", [0])

    assert bool(kept) == bool(answer.answer and next(iter(answer.answer.values())) is not None)
    if "DBInstanceStatus" in str(answer.answer):
        assert "DBInstanceStatus" in str(kept)


# -- instances -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", INSTANCES, ids=lambda answer: answer.name)
def test_an_instance_is_read_as_it_is(answer: RecordedAnswer) -> None:
    """Its status and what that means for a wait, what is pending, its settings; the expectations stand beside the answer."""
    raw = member(answer)
    instance, found = read_instance(raw), settings_from(raw)
    seen: dict[str, object] = {
        "status": instance.status,
        "settled": is_settled(instance),
        "hopeless": instance.status in NEVER_AVAILABLE,
        "pending": list(instance.pending),
        "host": instance.host,
        "port": instance.port,
        "engine": instance.engine,
        "engine_version": instance.engine_version,
        "cluster": bool(instance.cluster_id),
        "publicly_accessible": instance.publicly_accessible,
        "backup_retention_days": instance.backup_retention_days,
        "created_at": instance.created_at,
        "log_exports": list(instance.log_exports),
        "replica": bool(found["replica_of"]),
        "read_replicas": len(found["read_replicas"]),  # type: ignore[arg-type]
        "managed_password": bool(found["master_secret"]),
    }
    for key, expected in answer.reading.items():
        assert (key, seen.get(key, found.get(key))) == (key, expected)
    assert ("not settled, hopeless", seen["settled"] and seen["hopeless"]) == ("not settled, hopeless", False)


@pytest.mark.parametrize("answer", INSTANCES, ids=lambda answer: answer.name)
def test_a_setting_is_pending_for_parity_as_it_is_for_a_wait(answer: RecordedAnswer) -> None:
    """What is switched off is pending too; both readers say the same of it."""
    raw = member(answer)
    pending = [each for each in read_instance(raw).pending if not each.startswith("parameter group ")]

    assert settings_from(raw)["pending"] == pending


@pytest.mark.parametrize("answer", INSTANCES, ids=lambda answer: answer.name)
def test_an_instance_equals_itself_and_its_restore_is_compared(answer: RecordedAnswer) -> None:
    """Parity finds nothing between an instance and itself, and compares it with each other without an error."""
    found = settings_from(member(answer))

    assert compare(found, found, {}) == ()
    assert not_verified(found, found) == ()
    other = settings_from(member(INSTANCES[0]))
    assert all(each.message for each in compare(other, found, {}))
    configuration_from(member(answer))


@pytest.mark.parametrize("answer", INSTANCES, ids=lambda answer: answer.name)
def test_a_member_of_a_cluster_or_another_engine_is_no_source(answer: RecordedAnswer) -> None:
    """A drill restores an RDS for PostgreSQL instance and refuses the rest with a sentence that names what was found."""
    sides = guards.Sides("123456789012", "eu-central-1", "123456789012", "eu-central-1")
    config: Any = type("Config", (), {"target": TARGET})
    instance = read_instance(member(answer))
    if instance.engine == "postgres" and not instance.cluster_id:
        guards.check_source(config, instance, sides)
        return
    with pytest.raises(DrillError) as error:
        guards.check_source(config, instance, sides)
    assert ("Multi-AZ DB cluster" in str(error.value)) == (instance.engine == "postgres")


# -- snapshots and backups ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", SNAPSHOTS, ids=lambda answer: answer.name)
def test_a_snapshot_is_read_as_a_recovery_point(served: RecordedAws, answer: RecordedAnswer) -> None:
    """Its kind, how old its data are and which member says so, and what is not known of it."""
    if answer.operation == "rds.DescribeDBSnapshots":
        served.given["rds.DescribeDBSnapshots"] = answer
        point = read.recovery_points(served.clients, "orders", None)[0]
    else:
        point = read._read_point(member(answer), None, None, INSTANCE)
    expected = dict(answer.reading)
    if (copied := expected.pop("copied", None)) is not None:
        origin = lineage.lineage_of({}, {}, {}, member(answer), {}).copied_from
        assert bool(origin and origin != "unknown") is copied
    seen = {name: getattr(point, name) for name in expected}
    if isinstance(seen.get("data_time"), datetime):
        seen["data_time"] = seen["data_time"].isoformat()
    assert seen == expected


def test_each_other_answer_is_read_as_it_is(served: RecordedAws) -> None:
    """Jobs, plans, vaults, points, keys, windows, versions and restore jobs; what is absent is not known, and no error."""
    for answer in OTHERS:
        served.given = {answer.operation: answer}
        seen = _reading(served, answer)
        expected = {key: value for key, value in answer.reading.items() if key not in ("remedy", "kind_of_point")}
        assert (answer.name, {key: seen[key] for key in expected}) == (answer.name, expected)


def _reading(served: RecordedAws, answer: RecordedAnswer) -> dict[str, object]:
    """What the suite's own readers make of an answer, by the names that the expectations have."""
    raw, clients = parsed(answer), served.clients
    rows = next((value for value in raw.values() if isinstance(value, list)), [])
    found: dict[str, object] = {"rows": len(rows)}
    match answer.operation:
        case "backup.ListBackupJobs":
            instance = read_instance(member(INSTANCES[0]))
            history = plans.job_history(clients, instance)
            longest = history.longest.backup
            found |= {"ended": len(history.ended), "longest_seconds": longest and longest.total_seconds()}
        case "backup.GetBackupPlan":
            found["rules"] = len(rules_of([("plan", raw["BackupPlan"])], LongestDurations(None, None)).rules) or len(
                raw["BackupPlan"]["Rules"]
            )
        case "backup.DescribeBackupVault":
            of = lineage.lineage_of({}, raw, {}, {}, {})
            found |= {"vault_type": of.vault_type, "locked": of.vault_locked}
        case "backup.DescribeRecoveryPoint":
            found["copied_from"] = lineage.lineage_of(raw, {}, {}, {}, {}).copied_from
        case "backup.DescribeRestoreJob":
            job = restore_jobs.describe_job(clients, "job")
            found |= {"status": job.status, "instance": job.instance, "validation": job.validation}
        case "rds.DescribeDBInstanceAutomatedBackups":
            backup = read.automated_backup(clients, "orders", None)
            assert backup is not None
            found |= {"window": read.window_of(backup) is not None, "status": read.read_continuous(backup).status}
        case "rds.DescribeDBEngineVersions":
            found["version_status"] = read.version_status(clients, "13.4")
        case "kms.DescribeKey":
            found["key_manager"] = lineage.lineage_of({}, {}, {}, {}, raw["KeyMetadata"]).key_manager
        case "sts.GetCallerIdentity":
            found["account"] = raw["Account"]
        case "ec2.DescribeSecurityGroups":
            found["egress"] = len(guards._egress(clients, "sg-00000000000000001") or ())
    return found


# -- the whole of posture ------------------------------------------------------------------------------------------------------


def test_posture_judges_an_account_that_answers_so(served: RecordedAws, tmp_path: Path) -> None:
    """Every judgement is made, or says what it could not read; there is no traceback for what AWS really answers."""
    for answer in [each for each in READ if each not in INSTANCES] + INSTANCES[:4]:
        served.given = {answer.operation: answer}

        results = posture(served, tmp_path)

        assert (answer.name, [each for each in results if each.outcome not in OUTCOMES]) == (answer.name, [])


def without(value: Any, path: tuple[int, ...]) -> Any:
    """A copy without the member or row that a path of choices leads to."""
    found = copy.deepcopy(value)
    at = found
    for step in path:
        keys: list[Any] = list(at) if isinstance(at, Mapping) else list(range(len(at))) if isinstance(at, list) else []
        if not keys:
            break
        key = keys[step % len(keys)]
        below = at[key]
        if step == path[-1] or not isinstance(below, dict | list):
            del at[key]
            break
        at = below
    return found


def lacks_a_name(before: Any, after: Any) -> bool:
    """Whether something that always is there was left out."""
    if isinstance(before, Mapping):
        gone = [key for key in before if key not in after]
        return any(key.endswith(ALWAYS_THERE) for key in gone) or any(
            lacks_a_name(value, after[key]) for key, value in before.items() if key in after
        )
    if isinstance(before, list) and len(before) == len(after):
        return any(lacks_a_name(*pair) for pair in zip(before, after, strict=True))
    return False


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(READ), st.data())
def test_an_absent_member_is_not_known_and_no_error(
    served: RecordedAws, tmp_path_factory: pytest.TempPathFactory, answer: RecordedAnswer, data: st.DataObject
) -> None:
    """AWS leaves out what does not apply, and older answers lack what newer have: any may be absent, and a name is asked for."""
    path = tuple(data.draw(st.lists(st.integers(0, 80), min_size=1, max_size=5, unique=True)))
    less = without(answer.answer, path)
    if not less:
        return
    served.given = {answer.operation: RecordedAnswer(answer.name, "", "", answer.operation, {}, less)}
    try:
        judged = posture(served, tmp_path_factory.getbasetemp() / "store")
    except IncompleteAnswer as error:
        assert lacks_a_name(answer.answer, less), error  # noqa: PT017 - it may be raised, where a name is gone
    else:
        assert judged
    finally:
        served.given.clear()
