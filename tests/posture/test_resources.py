"""Posture of tables, volumes and file systems: what AWS Backup tells of them, and what each kind tells of itself."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from drills.cli import main as cli
from drills.config.load import Target, load
from drills.errors import ConfigError
from drills.model.finding import CheckResult
from drills.model.instance import OTHERS
from drills.model.parity import NotVerified
from drills.model.policy import POSTURE, POSTURE_OF
from drills.posture.backup_reader import BackupReader
from drills.posture.facts import Key, OwnerPolicy, PostureFacts, Protection, RestoreTest
from drills.posture.judge import exit_codes, judge
from drills.posture.kinds import all_kinds
from drills.posture.kinds.file_system import FileSystemFacts
from drills.posture.kinds.kind import Source
from drills.posture.kinds.table import TableFacts
from drills.posture.kinds.volume import VolumeFacts
from tests.support.policies import actions_of, allowed
from tests.support.protected import VAULT
from tests.support.protected_resources import ProtectedResources, protected_resources

pytestmark = pytest.mark.sandbox
DENIED = NotVerified("AccessDenied: needs a right")
WORDS = ("table", "volume", "file_system", "bucket")
Change = Callable[[PostureFacts], PostureFacts]


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProtectedResources]:
    """One sandbox for the module; each test leaves it as it was."""
    with protected_resources(tmp_path_factory.mktemp("resources")) as made:
        yield made


@pytest.fixture(scope="module")
def read(resources: ProtectedResources) -> dict[str, PostureFacts]:
    """What was read of each kind, once."""
    return {word: resources.facts(word) for word in WORDS}


def result_of(facts: PostureFacts, name: str) -> CheckResult:
    """The result of one judgement."""
    return next(each for each in judge(facts) if each.name == name)


# -- all is well ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", WORDS)
def test_what_is_protected_has_no_finding_and_nothing_of_rds_is_judged(
    read: dict[str, PostureFacts], word: str
) -> None:
    """Every judgement of its kind is met by something that was looked at, but for restore tests that nobody demands; exit 0."""
    results = judge(read[word])

    assert [each.name for each in results] == list(POSTURE_OF[word])  # what an acknowledgement may name
    assert not {each.name for each in results} & (set(POSTURE) - {"protection"} - set(POSTURE_OF[word]))
    for each in results:
        judged = each.name != "restore testing"
        assert (each.outcome, bool(each.compared)) == (("met", True) if judged else ("not verified", False)), each
        assert (each.findings, each.not_checked) == ((), ())
    assert exit_codes(results) == ()


@pytest.mark.parametrize("word", WORDS)
def test_posture_reads_alone_and_its_policies_allow_each_call(resources: ProtectedResources, word: str) -> None:
    """Every call of it is a Describe, a Get or a List that posture.json or posture-resources.json allows."""
    before = len(resources.sandbox.control.calls())
    resources.facts(word)
    called = {
        f"{call['service']}:{call['operation']}"
        for call in resources.sandbox.control.calls()[before:]
        if call["operation"].startswith(("Describe", "Get", "List"))
        or call["service"] in ("dynamodb", "ec2", "efs", "backup")
    }

    assert actions_of(called) - allowed("posture") - allowed("posture-resources") == set()
    assert {each for each in called if not each.split(":")[1].startswith(("Describe", "Get", "List"))} == set()
    assert not {each for each in called if each.startswith("rds:")}


# -- what AWS Backup tells, in the words of each kind --------------------------------------------------------------------


def own(facts: PostureFacts) -> Protection:
    """The plan that protects the source."""
    assert isinstance(facts.protections, tuple)
    return facts.protections[0]


def by(facts: PostureFacts, how: Any) -> PostureFacts:
    """The facts with a selection that means the source by something else."""
    return replace(facts, protections=(replace(own(facts), by=how),))


def with_rule(facts: PostureFacts, **changes: Any) -> PostureFacts:
    """The facts with members of the plan's rule changed."""
    plan = copy.deepcopy(dict(own(facts).plan))
    plan["BackupPlan"]["Rules"][0] |= changes
    return replace(facts, protections=(replace(own(facts), plan=plan),))


def with_key(facts: PostureFacts, **changes: Any) -> PostureFacts:
    """The facts with something of the points' keys changed."""
    keys: dict[str, Key | NotVerified | None] = {}
    for arn, key in facts.keys.items():
        assert isinstance(key, Key)
        keys[arn] = replace(key, metadata={**key.metadata, **changes})
    return replace(facts, keys=keys)


def without_encryption(facts: PostureFacts) -> PostureFacts:
    """The facts with points that nothing encrypts."""
    assert isinstance(facts.points, tuple)
    return replace(facts, points=tuple(replace(each, encrypted=False, kms_key_id=None) for each in facts.points))


ABROAD = "arn:aws:backup:us-east-1:210987654321:backup-vault:copies"
ARCHIVED = {"DeleteAfterDays": 95, "MoveToColdStorageAfterDays": 5, "OptInToArchiveForSupportedResources": True}
COLD = {"DeleteAfterDays": 95, "MoveToColdStorageAfterDays": 5}
# word, judgement, change, severity, what is found, what is to be typed
PROVOKED: list[tuple[str, str, Change, str, str, str]] = [
    ("table", "protection", lambda f: replace(f, instance=None), "error", "none of that name", "docs/dynamodb.md"),
    ("volume", "protection", lambda f: replace(f, instance=None), "error", "none of that name", "docs/ebs.md"),
    ("table", "protection", lambda f: replace(f, protections=()), "error", "no plan does", "create-backup-selection"),
    ("volume", "protection", lambda f: by(f, "ARN"), "warning", "a restored volume has another id", "tag the volume so"),
    ("table", "role", lambda f: replace(f, roles=dict.fromkeys(f.roles)), "error", "none of that name", "create-role"),
    ("volume", "rules", lambda f: with_rule(f, Lifecycle=COLD), "warning", "MoveToColdStorageAfterDays 5", "update-backup-"),
    ("volume", "rules", lambda f: with_rule(f, Lifecycle=ARCHIVED), "information", "takes up to three days", "an RTO"),
    ("table", "rules", lambda f: with_rule(f, EnableContinuousBackup=True), "warning", "none between", "ScheduleExpress"),
    ("table", "jobs", lambda f: replace(f, jobs=()), "error", "none in the last 30 days", "start-backup-job"),
    ("table", "freshness", lambda f: replace(f, policy=OwnerPolicy(60.0)), "error", "old", "table/orders --iam-role-arn"),
    ("volume", "freshness", lambda f: replace(f, points=()), "error", "none", f"in vault '{VAULT}', there is none at all"),
    ("volume", "key", without_encryption, "warning", "not encrypted", "create-volume"),
    ("table", "key", without_encryption, "warning", "not encrypted", "advanced features"),
    ("table", "key", lambda f: with_key(f, KeyState="Disabled"), "error", "Disabled", "aws kms enable-key"),
    ("file_system", "protection", lambda f: replace(f, instance=None), "error", "none of that name", "correct file_system"),
    ("file_system", "protection", lambda f: by(f, "ARN"), "warning", "a restored file system has another id", "tag the file"),
    ("file_system", "key", without_encryption, "warning", "not encrypted", "a vault that has a key"),
    ("volume", "key", lambda f: with_key(f, KeyManager="AWS"), "warning", "cannot be shared", "aws ec2 copy-snapshot"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "name", "change", "severity", "said", "remedy"),
    PROVOKED,
    ids=[f"{row[0]}-{row[1]}-{row[4]}" for row in PROVOKED],
)
def test_what_is_of_aws_backup_is_judged_as_of_a_database(
    read: dict[str, PostureFacts], word: str, name: str, change: Change, severity: str, said: str, remedy: str
) -> None:
    """The same judgement finds the same, and says what is of this kind: no instance, no snapshot of RDS, no command of ours."""
    result = result_of(change(read[word]), name)
    finding = next(each for each in result.findings if said in each.found)

    assert finding.severity == severity
    assert remedy in finding.message
    assert result.outcome == ("missed" if severity == "error" else "met")
    told = f"{result.sentence} {' '.join(each.message for each in result.findings)}"
    assert not [each for each in ("instance", "RDS", "rds", "drills backup", "continuous backup; now") if each in told]


NOTHING_FOUND: list[tuple[str, str, Change]] = [
    # a table that is restored under its name has its ARN; and no tag
    ("table", "protection", lambda f: by(f, "ARN")),
    # AWS Backup moves points of tables to cold storage
    ("table", "rules", lambda f: with_rule(f, Lifecycle=COLD)),
    ("file_system", "rules", lambda f: with_rule(f, Lifecycle=COLD)),
    # and copies them to another account and region at once
    ("volume", "rules", lambda f: with_rule(f, CopyActions=[{"DestinationBackupVaultArn": ABROAD}])),
    # under the key of their vault, which a copy to another account leaves behind
    ("table", "key", lambda f: replace(with_key(f, KeyManager="AWS"), restore_account="210987654321")),
]


@pytest.mark.parametrize(("word", "name", "change"), NOTHING_FOUND)
def test_what_only_databases_lack_is_no_finding_of_the_others(
    read: dict[str, PostureFacts], word: str, name: str, change: Change
) -> None:
    """What is wrong of an instance, and is not of this kind, is met without a word."""
    result = result_of(change(read[word]), name)

    assert (result.outcome, result.findings) == ("met", ())


@pytest.mark.parametrize(
    ("word", "gone"),
    [("table", "nowhere"), ("volume", "vol-00000000000000000"), ("file_system", "fs-00000000000000000")],
)
def test_a_source_that_is_gone_is_a_finding_and_the_rest_is_judged(
    resources: ProtectedResources, word: str, gone: str
) -> None:
    """Nothing of the kind itself is met, no point of another one is taken for its own; exit 11."""
    facts = resources.facts(word, instance=gone)
    results = {each.name: each for each in judge(facts)}

    assert results["protection"].findings[0].found == "none of that name"
    assert results["freshness"].outcome == "missed"
    mine = [name for name in POSTURE_OF[word][10:] if name not in ("restore testing", "copies", "opt-in")]
    assert {results[name].outcome for name in mine} == {"not verified"}
    assert exit_codes(tuple(results.values()))[0] == 11


# -- copies -----------------------------------------------------------------------------------------------------------------


def with_copies(facts: PostureFacts, change: Callable[[list[Any]], Sequence[Any]]) -> PostureFacts:
    """The facts with other points in the vault that the rule copies to, which are given with the oldest first."""
    [(arn, held)] = facts.copies.items()
    assert not isinstance(held, NotVerified)
    assert len(held) >= 4
    return replace(facts, copies={arn: tuple(change(sorted(held, key=lambda each: each["CreationDate"])))})


def ending(held: list[Any]) -> list[Any]:
    """The copies, the newest of which ends after a day."""
    early = held[-1]["CreationDate"] + timedelta(days=1)
    return [*held[:-1], {**held[-1], "CalculatedLifecycle": {"DeleteAt": early}}]


COPIED: list[tuple[Change, str, str]] = [
    (lambda f: with_copies(f, lambda held: []), "missed", "none"),
    (lambda f: with_copies(f, lambda held: held[:-2]), "missed", "the newest is of"),
    (lambda f: with_copies(f, lambda held: held[:-1]), "met", ""),  # the last one may still be on its way
    (lambda f: with_copies(f, lambda held: [{**each, "Status": "PARTIAL"} for each in held]), "missed", "none"),
    (lambda f: with_copies(f, ending), "missed", "deleted at"),
    (lambda f: with_rule(f, CopyActions=[]), "not verified", ""),
    (lambda f: replace(f, copies=dict.fromkeys(f.copies, DENIED)), "not verified", ""),
    (lambda f: replace(f, copies={}), "not verified", ""),  # of another account: the judgement of the vaults says so
]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(("change", "outcome", "said"), COPIED, ids=range(len(COPIED)))
def test_a_vault_that_is_copied_to_has_one_of_the_last_two_points_for_its_time(
    read: dict[str, PostureFacts], word: str, change: Change, outcome: str, said: str
) -> None:
    """None, one that lags behind the last but one, or one that ends before its rule says is an error; nothing unread passes."""
    result = result_of(change(read[word]), "copies")

    assert (result.outcome, result.requirement) == (outcome, "optional")
    assert [said in each.found for each in result.findings] == ([True] if said else [])


# -- what AWS Backup is opted in to --------------------------------------------------------------------------------------


def opted(facts: PostureFacts, on: bool | None = True, managed: bool = True, **selection: Any) -> PostureFacts:
    """The facts with other settings of the region, and another selection that means the source."""
    kind = facts.subject.protected
    told = {
        "ResourceTypeOptInPreference": {} if on is None else {kind: on},
        "ResourceTypeManagementPreference": {kind: managed},
    }
    protection = replace(own(facts), selection={"IamRoleArn": "role", **selection})
    return replace(facts, region_settings=told, protections=(protection,))


TAGGED = [{"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "daily"}]


@pytest.mark.parametrize("word", WORDS)
def test_what_is_selected_by_tags_alone_is_backed_up_where_the_region_is_opted_in(
    read: dict[str, PostureFacts], word: str
) -> None:
    """Off is an error of such a selection, a warning of one that names the type, and nothing is said where AWS does not tell."""
    facts = read[word]

    def found(changed: PostureFacts) -> tuple[str, list[str]]:
        result = result_of(changed, "opt-in")
        return result.outcome, [each.severity for each in result.findings]

    before, kind, _ = facts.arn.rpartition("/" if "/" in facts.arn else ":")
    pattern = f"{before}{kind}*"
    assert found(opted(facts, ListOfTags=TAGGED)) == ("met", [])
    assert found(opted(facts, False, ListOfTags=TAGGED)) == ("missed", ["error"])
    assert found(opted(facts, False, Resources=["*"])) == ("missed", ["error"])
    assert found(opted(facts, False, Resources=[pattern])) == ("met", ["warning"])
    assert found(opted(facts, False, Resources=[facts.arn], ListOfTags=TAGGED)) == ("met", ["warning"])
    assert found(opted(facts, None, ListOfTags=TAGGED)) == ("not verified", [])
    assert found(replace(opted(facts, False), protections=())) == ("not verified", [])
    assert found(opted(facts, managed=False)) == ("met", ["warning"] if word == "table" else [])
    assert exit_codes(judge(replace(facts, region_settings=DENIED))) == (12,)


# -- restore tests --------------------------------------------------------------------------------------------------------


def restored_by_tests(facts: PostureFacts, *jobs: dict[str, Any]) -> PostureFacts:
    """The facts with a restore testing plan that has these jobs, each a day after the one before it."""
    dated = (
        {"RestoreJobId": str(day), "CreationDate": facts.now + timedelta(days=day), **job}
        for day, job in enumerate(jobs)
    )
    return replace(facts, tests=(RestoreTest({"RestoreTestingPlanName": "weekly"}, tuple(dated)),))


DONE = {"Status": "COMPLETED"}
TESTED: list[tuple[tuple[dict[str, Any], ...], str, str]] = [
    ((DONE,), "met", ""),
    ((DONE, {"Status": "RUNNING"}), "met", ""),
    (({"Status": "FAILED"}, DONE), "met", ""),
    ((DONE, {"Status": "FAILED", "StatusMessage": "no\nroom"}), "missed", "FAILED: no room"),
    ((DONE | {"ValidationStatus": "FAILED"},), "missed", "its validation FAILED: it says no more"),
    ((DONE | {"ValidationStatus": "SUCCESSFUL"},), "met", ""),
    (({"Status": "RUNNING"},), "not verified", "has not restored it"),
]


@pytest.mark.parametrize(("jobs", "outcome", "said"), TESTED)
def test_the_last_restore_test_that_has_ended_decides(
    read: dict[str, PostureFacts], jobs: tuple[dict[str, Any], ...], outcome: str, said: str
) -> None:
    """A failed restore or validation is an error; one that runs, or failed before, says nothing."""
    result = result_of(restored_by_tests(read["table"], *jobs), "restore testing")

    assert (result.outcome, result.requirement) == (outcome, "optional")
    assert [said in each.found for each in result.findings] == ([True] if said else [])


def test_the_plan_that_tests_the_source_is_found_by_its_arn_and_by_its_tags(resources: ProtectedResources) -> None:
    """A selection of its type means it by its ARN, or by "*" with a condition of its tags; no other one does."""
    backup = resources.clients.backup
    plan = {
        "RestoreTestingPlanName": "weekly",
        "ScheduleExpression": "cron(0 5 ? * SUN *)",
        "RecoveryPointSelection": {
            "Algorithm": "LATEST_WITHIN_WINDOW",
            "IncludeVaults": ["*"],
            "RecoveryPointTypes": ["SNAPSHOT"],
        },
    }
    arn = f"arn:aws:rds:{resources.clients.region}:{resources.clients.account}:db:orders"  # the sandbox tests databases alone
    source, now = Source(arn, {}, lambda: [{"Key": "backup", "Value": "daily"}]), resources.sandbox.control.now()
    reader = BackupReader(resources.clients, arn, VAULT)
    backup.create_restore_testing_plan(RestoreTestingPlan=plan)
    role, found = {"IamRoleArn": resources.role_arn, "ProtectedResourceType": "RDS"}, {}

    def condition(value: str) -> dict[str, Any]:
        equals = {"StringEquals": [{"Key": "aws:ResourceTag/backup", "Value": value}]}
        return {"ProtectedResourceArns": ["*"], "ProtectedResourceConditions": equals}

    chosen: dict[str, dict[str, Any]] = {
        "tagged": condition("daily"),
        "tagged_otherwise": condition("weekly"),
        "named": {"ProtectedResourceArns": [arn]},
        "another": {"ProtectedResourceArns": [f"{arn}-2"]},
    }
    try:
        for name, selection in chosen.items():
            wanted = {"RestoreTestingSelectionName": name, **role, **selection}
            backup.create_restore_testing_selection(RestoreTestingPlanName="weekly", RestoreTestingSelection=wanted)
            found[name] = tuple(reader.tests("RDS", source, now))
            assert tuple(reader.tests("DynamoDB", source, now)) == ()
            backup.delete_restore_testing_selection(RestoreTestingPlanName="weekly", RestoreTestingSelectionName=name)
    finally:
        backup.delete_restore_testing_plan(RestoreTestingPlanName="weekly")

    assert {name: [each.name for each in seen] for name, seen in found.items()} == {
        "tagged": ["weekly"],
        "tagged_otherwise": [],
        "named": ["weekly"],
        "another": [],
    }
    assert found["named"][0].jobs == ()


# -- what each kind tells of itself ---------------------------------------------------------------------------------------


def with_own(facts: PostureFacts, **changes: Any) -> PostureFacts:
    """The facts with something changed that the kind itself has read."""
    assert isinstance(facts.own, TableFacts | VolumeFacts | FileSystemFacts)
    return replace(facts, own=replace(facts.own, **changes))


def described(facts: PostureFacts, **changes: Any) -> PostureFacts:
    """The facts with members of the source's description changed."""
    return replace(facts, instance={**(facts.instance or {}), **changes})


def moments(facts: PostureFacts, **changes: Any) -> PostureFacts:
    """The facts of a table with another point-in-time recovery."""
    assert isinstance(facts.own, TableFacts)
    assert not isinstance(facts.own.backups, NotVerified)
    moment = {**facts.own.backups["PointInTimeRecoveryDescription"], **changes}
    return with_own(facts, backups={"PointInTimeRecoveryDescription": moment})


def snapshot(facts: PostureFacts, **changes: Any) -> PostureFacts:
    """The facts of a volume with another snapshot as its newest point."""
    assert isinstance(facts.own, VolumeFacts)
    return with_own(facts, snapshot={**dict(facts.own.snapshot or {}), **changes})  # type: ignore[arg-type]


LATEST = "LatestRestorableDateTime"
OF_ITSELF: list[tuple[str, str, Change, str, str, str]] = [
    ("table", "point-in-time recovery", lambda f: moments(f, PointInTimeRecoveryStatus="DISABLED"), "warning", "off", "true"),
    ("table", "point-in-time recovery", lambda f: moments(f, **{LATEST: None}), "error", "none", "describe-continuous"),
    (
        "table",
        "point-in-time recovery",
        lambda f: moments(f, **{LATEST: f.now - timedelta(hours=3)}),
        "error",
        "3 h ago",
        "describe-continuous-backups --table-name orders",
    ),
    ("table", "deletion protection", lambda f: described(f, DeletionProtectionEnabled=False), "warning", "off", "update-"),
    ("table", "encryption", lambda f: with_own(f, key={"KeyState": "Disabled"}), "error", "Disabled", "enable-key"),
    ("table", "encryption", lambda f: with_own(f, key=None), "error", "no such key", "aws kms"),
    (
        "table",
        "encryption",
        lambda f: described(f, SSEDescription={**(f.instance or {})["SSEDescription"], "InaccessibleEncryptionDateTime": f.now}),
        "error",
        "archives the table",
        "let the key's policy allow DynamoDB",
    ),
    ("volume", "encryption", lambda f: described(f, Encrypted=False), "warning", "not encrypted", "create-volume"),
    ("volume", "encryption", lambda f: with_own(f, key={"KeyState": "PendingDeletion"}), "error", "Pending", "cancel-key"),
    ("file_system", "encryption", lambda f: described(f, Encrypted=False), "warning", "not encrypted", "start-restore-job"),
    ("file_system", "encryption", lambda f: with_own(f, key=None), "error", "no such key", "aws kms"),
    ("volume", "lineage", lambda f: with_own(f, snapshot=None), "error", "none in EC2", "start-backup-job"),
    ("volume", "lineage", lambda f: snapshot(f, VolumeId="vol-other"), "error", "one of vol-other", "who changed the vault"),
    ("volume", "lineage", lambda f: snapshot(f, State="error"), "error", "error", "StateMessage"),
    ("volume", "lineage", lambda f: snapshot(f, StorageTier="archive"), "error", "archived", "restore-snapshot-tier"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "name", "change", "severity", "said", "remedy"),
    OF_ITSELF,
    ids=[f"{row[0]}-{row[1]}-{row[4]}" for row in OF_ITSELF],
)
def test_what_each_kind_tells_of_itself_is_judged(
    read: dict[str, PostureFacts], word: str, name: str, change: Change, severity: str, said: str, remedy: str
) -> None:
    """An error misses the judgement, a warning is to be reviewed; each says what to type."""
    result = result_of(change(read[word]), name)
    finding = next(each for each in result.findings if said in each.found)

    assert finding.severity == severity
    assert remedy in finding.message
    assert result.outcome == ("missed" if severity == "error" else "met")


def test_what_has_no_key_of_kms_or_no_volume_to_name_is_met(read: dict[str, PostureFacts]) -> None:
    """A table under DynamoDB's own key, and a copied snapshot, which names no volume: the sentence says so."""
    without = described(with_own(read["table"], key=None), SSEDescription={"Status": "DISABLED"})
    copied = snapshot(read["volume"], VolumeId="vol-ffffffff")

    assert "nobody can disable" in result_of(without, "encryption").sentence
    assert "a copy, of which EC2 does not tell" in result_of(copied, "lineage").sentence
    assert {result_of(without, "encryption").outcome, result_of(copied, "lineage").outcome} == {"met"}


def test_a_point_that_is_no_snapshot_has_no_lineage_to_judge(read: dict[str, PostureFacts]) -> None:
    """That of a logically air-gapped vault is a resource of AWS Backup: EC2 is asked for nothing, and nothing is found."""
    points = read["volume"].points
    assert isinstance(points, tuple)
    arn = "arn:aws:backup:eu-central-1:123456789012:recovery-point:1"
    kept = replace(read["volume"], points=tuple(replace(each, arn=arn, snapshot_id=arn) for each in points))
    result = result_of(with_own(kept, snapshot=None), "lineage")

    assert (result.outcome, result.requirement, result.findings) == ("not verified", "optional", ())
    assert "air-gapped" in result.sentence


UNREAD: list[tuple[str, Change, set[str]]] = [
    ("table", lambda f: with_own(f, backups=DENIED), {"point-in-time recovery"}),
    ("table", lambda f: with_own(f, key=DENIED), {"encryption"}),
    ("volume", lambda f: with_own(f, key=DENIED), {"encryption"}),
    ("volume", lambda f: with_own(f, snapshot=DENIED), {"lineage"}),
    ("file_system", lambda f: with_own(f, key=DENIED), {"encryption"}),
    ("volume", lambda f: replace(f, points=DENIED), {"freshness", "key", "lineage"}),
    ("table", lambda f: replace(f, tests=DENIED), {"restore testing"}),
    ("table", lambda f: replace(f, tests=(RestoreTest({"RestoreTestingPlanName": "w"}, DENIED),)), {"restore testing"}),
]


@pytest.mark.parametrize(("word", "change", "names"), UNREAD)
def test_what_could_not_be_read_is_not_passed(
    read: dict[str, PostureFacts], word: str, change: Change, names: set[str]
) -> None:
    """It is named with the right that is lacking, no finding is made of it, and the exit code is 12."""
    results = judge(change(read[word]))

    assert {each.name for each in results if each.not_checked} == names
    assert not any(each.outcome == "missed" for each in results)
    assert exit_codes(results) == (12,)


# -- the command and its configuration ------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", WORDS)
def test_the_command_judges_each_kind(
    resources: ProtectedResources, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 0, a heading with what it is, the same as JSON; nothing is kept, and nothing of RDS stands there."""
    where = ["--config", str(resources.config), "--endpoint-url", resources.sandbox.endpoint, "--target", word]
    assert cli.main(["posture", *where, "--store", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert cli.main(["posture", *where, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)

    name = resources.targets[word].instance
    assert text.startswith(f"{word.replace('_', ' ')} {name} in account {resources.clients.account}")
    assert "SIMULATED" in text
    assert "arn:" not in text
    assert "automated backups" not in text
    assert (facts["kind"], facts["instance"], facts["exit_code"]) == (word.replace("_", " "), name, 0)
    assert [each["name"] for each in facts["results"]] == list(POSTURE_OF[word])
    assert list(tmp_path.iterdir()) == []


def test_every_target_is_judged_whatever_becomes_of_another(
    resources: ProtectedResources, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A database that is not there keeps no table from being judged; the worst code is that of the command; JSON has each."""
    config = tmp_path / "drill.toml"
    others = (
        '[targets.gone]\ninstance = "nobody"\n[targets.left]\ntable = "left"\nvault = "left"\nonly_by_name = true\n'
    )
    config.write_text(resources.config.read_text() + others)
    where = ["--config", str(config), "--endpoint-url", resources.sandbox.endpoint, "--store", str(tmp_path / "store")]
    assert cli.main(["posture", "--all", *where, "--json"]) == 11
    facts = json.loads(capsys.readouterr().out)
    assert cli.main(["posture", "--all", *where]) == 11
    text = capsys.readouterr().out

    assert (facts["exit_code"], facts["all_codes"][0]) == (11, 11)
    judged = {each["target"]: (each["kind"], each["exit_code"]) for each in facts["targets"]}
    whole = {key: (key.replace("_", " "), 0) for key in WORDS}
    assert judged == {**whole, "gone": ("instance", 11)}
    assert text.rstrip().endswith("5 targets: 4 as they should be; gone 11")
    assert cli.main(["posture", "--all", "--target", "table", *where]) == 2
    assert "expected no --target beside it" in capsys.readouterr().err


def target_of(folder: Path, word: str, more: str) -> Target:
    """A target of a kind with further lines in its table of drill.toml."""
    name = {"table": "orders", "volume": "vol-0123456789abcdef0", "instance": "orders"}[word]
    file = folder / "drill.toml"
    file.write_text(f'[targets.a]\n{word} = "{name}"\nvault = "{VAULT}"\n{more}\n')
    return load(file, profile=None, target="a", environment={}, tables=True).target


def acknowledging(check: str) -> str:
    """The lines that acknowledge a finding of a check."""
    told = 'object = "a"\nfound = "b"\nreason = "c"\nauthor = "d"\nuntil = 2026-01-01'
    return f'[[targets.a.acknowledged]]\ncheck = "{check}"\n{told}'


def test_what_is_said_of_posture_is_of_the_kind(tmp_path: Path) -> None:
    """A requirement that nobody judges is refused, and so is an acknowledgement of a judgement that is not made."""
    assert target_of(tmp_path, "table", acknowledging("encryption")).acknowledged
    assert target_of(tmp_path, "volume", 'posture = { retention = "30d", copies = 1 }').posture.copies == 1
    for word, more, said in (
        ("table", "posture = { promised = true }", "no posture.promised of a table"),
        ("volume", acknowledging("restore needs"), "which are those of an EBS volume"),
        ("instance", acknowledging("lineage"), "which are those of a database"),
    ):
        with pytest.raises(ConfigError, match=said):
            target_of(tmp_path, word, more)


def test_a_vault_of_another_account_is_judged_where_it_is_filled(tmp_path: Path) -> None:
    """A table that is restored from a shared vault has its plan and its jobs in another account: AWS is not asked."""
    shared = target_of(tmp_path, "table", '[targets.a.vault_access]\naccount = "111111111111"')

    with pytest.raises(ConfigError, match="judged in the account of the source"):
        all_kinds.kind_of(shared)


def test_each_kind_that_posture_judges_is_one_that_a_target_can_be() -> None:
    """What is judged of a kind is what its entry among the kinds of targets names, in that order."""
    words = {each.subject.word: each for each in all_kinds.KINDS}

    assert len(words) == len(all_kinds.KINDS)
    assert {each.source for each in OTHERS.values() if each.posture} == {*words} - {"instance", "cluster"}
    assert {words[each.source].subject.key for each in OTHERS.values() if each.posture} == {
        each.key for each in OTHERS.values() if each.posture
    }
