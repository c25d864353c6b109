"""Sets the scene in the sandbox: a source instance with data, a canary, a manifest, a backup, and something to lose.

`python -m drills.run.stage FOLDER` is started by the supervisor before the features. Elsewhere than in the sandbox a drill
makes no backup and this is not run. The source's master password exists in this process alone.
"""

from __future__ import annotations

import dataclasses
import secrets
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import read as aws
from drills.aws.session import Clients
from drills.aws.wait import wait_available
from drills.checks import manifest
from drills.checks.base.session import Connector
from drills.checks.canary import writer
from drills.clock import SystemClock, wait_until
from drills.config.load import Config
from drills.cutover import guards
from drills.errors import COULD_NOT_RUN, DrillError, RestoreFailed, SandboxError
from drills.files import write_atomically
from drills.model.instance import Instance, StatusChange
from drills.model.record import TargetSummary
from drills.record import Journal
from drills.recovery import point_in_time
from drills.recovery.connect import Endpoint, connector
from drills.run import context, lifeline, stage_protection, stage_service
from drills.run.plan import read_plan
from drills.sandbox_client import SandboxControl

MASTER = "drills_master"
BEATS_BEFORE, BEATS_AFTER = 5, 5
ROLE = "drills-backup-role"
SAMPLE = "sample"
GAPS = (12, 8, 6, 4, 3, 2, 1)  # hours between two runs of the source's plan
LONGEST_GAP = GAPS[0]
MIN_FREE_BYTES = 2 * 16 * 2**20  # bytes: two segments of the write-ahead log, less than any server needs to go on


@dataclass(frozen=True, slots=True)
class StageContext:
    """The collaborators of the stage."""

    effective: Config
    clients: Clients
    scratch: Clients
    control: SandboxControl
    journal: Journal
    choices: context.RunOptions
    ca: Path
    poll: float

    @property
    def needs_several_points(self) -> bool:
        """Whether the run drills another recovery point than the newest one, and so needs more than one of AWS Backup's.

        There are then no automated backups: the oldest of these would be of the source before it was filled.
        """
        return self.effective.target.sample.kind in ("oldest", "random", "named")


def main(arguments: Sequence[str] | None = None) -> int:
    """Stage the run in FOLDER; 0, or the exit code of the error that is then in the run record."""
    lifeline.end_when_orphaned()
    (folder,) = map(Path, sys.argv[1:] if arguments is None else arguments)
    journal = Journal.open(folder)
    try:
        _stage(folder, journal)
    except DrillError as error:
        full = _full_disk(folder, str(error))
        journal.failure(full or str(error), COULD_NOT_RUN if full else error.exit_code)
        return error.exit_code
    except (ClientError, BotoCoreError, psycopg.Error, TimeoutError, OSError) as error:
        sentence = f"expected to set the scene in the sandbox, found: {' '.join(str(error).split())}: see stage.log"
        journal.failure(_full_disk(folder, sentence) or sentence, COULD_NOT_RUN)
        raise
    return 0


def _full_disk(folder: Path, reason: str) -> str:
    """Return the sentence for a scene that could not be set because its disk is full; "" when that is not why.

    A server that finds no room for its log ends, and whoever was connected hears of a broken connection only.
    """
    place = Path(read_plan(folder).work).parent
    free = shutil.disk_usage(place).free
    if free >= MIN_FREE_BYTES:
        return ""
    return (
        f"expected room for the data of the sandbox's servers, found that the disk that holds {place} is full "
        f"({free // 2**20} MB are free): free some space or set TMPDIR to another place ({reason})"
    )


def _stage(folder: Path, journal: Journal) -> None:
    choices = context.read(folder)
    service = context.local_aws_of(folder)
    if service is None:
        raise SandboxError("expected the local AWS to answer before the scene is set, found none")
    effective = choices.effective()
    scene = StageContext(
        effective,
        *context.identified_clients(effective, service),
        SandboxControl(service.endpoint),
        journal,
        choices,
        Path(service.ca),
        effective.profile.poll_every.total_seconds(),
    )
    password = secrets.token_urlsafe(24)
    instance, connect, database = _fill(scene, password)
    journal.enter("take the manifest", note="the canary beats, then the database is fingerprinted")
    _beat(connect, database, BEATS_BEFORE)
    stored = folder / context.MANIFEST_NAME
    policies = scene.effective.target.tables
    expected = manifest.take(connect, key=manifest.write_key(stored), policies=policies)
    write_atomically(stored, manifest.dump(expected))
    journal.enter("back up", note="AWS Backup, on demand, beside a plan")
    _make_vaults(scene)
    point = _back_up(scene, instance)
    context.save(folder, dataclasses.replace(context.read(folder), manifest_of=point))
    _plan_backups(scene, instance)
    if choices.damage:
        journal.enter("damage the backup", note="as --damage asked")
        _damage_backup(scene, point)
    journal.enter("write after the backup", note="what the disaster will take")
    _write_after_backup(scene, connect, database)
    if scene.needs_several_points:
        journal.enter("back up again", note="so that there is more than one recovery point")
        _back_up(scene, instance)
    else:
        crossed = point_in_time.mark_moment(connect, database)
        context.save(
            folder,
            dataclasses.replace(context.read(folder), moment=crossed.isoformat(), moment_database=database),
        )
    journal.enter("collect the scenarios")


# -- the source -------------------------------------------------------------------------------------------------------


def _fill(scene: StageContext, password: str) -> tuple[Instance, Connector, str]:
    source = scene.choices.seed or SAMPLE
    scene.journal.enter("create the source")
    version = _engine_version(scene, source)
    instance = _make_source(scene, version, password)
    scene.journal.enter("load the data", note=source if source == SAMPLE else "the user's own data")
    choices = scene.choices
    loaded = scene.control.load_seed(
        instance.id, source, yes=choices.confirmed, database=choices.database, trusted=choices.trust_seed
    )
    if guards.REQUIRED_TAG in scene.effective.profile.allow:
        stage_service.keep_password(scene.clients, instance.id, password)
    context.save(scene.journal.folder, dataclasses.replace(scene.choices, seed=context.redact_seed(scene.choices.seed)))
    roles: list[str] = list(loaded["roles_created"])
    if roles and source != SAMPLE:
        note = f"roles named by the seed were created without login: {', '.join(roles)}"
        scene.journal.append("notes", note)
    for left_out in loaded["left_out"]:
        scene.journal.append("notes", f"left out of the load of the seed: {left_out}")
    scene.journal.update(
        target=TargetSummary(
            name=scene.effective.target_name,
            instance_id=instance.id,
            vault=scene.effective.target.vault,
            engine_version=instance.engine_version,
            dbi_resource_id=instance.dbi_resource_id,
            databases=(loaded["database"],),
            size_bytes=loaded["size_bytes"],
            data=_describe(source, loaded),
        )
    )
    endpoint = Endpoint(instance.host, instance.port, instance.master_username, password, scene.ca)
    return instance, connector(endpoint), loaded["database"]


def _describe(source: str, loaded: dict[str, Any]) -> str:
    what = "the sample application" if source == SAMPLE else "the user's own data"
    return f"{what}: {loaded['tables']} tables, {loaded['rows']:,} rows"


def _engine_version(scene: StageContext, source: str) -> str | None:
    """Return the lowest PostgreSQL at hand that is not older than the seed; None leaves the choice to the sandbox."""
    if source == SAMPLE:
        return None
    version: str = scene.control.inspect_seed(source, database=scene.choices.database)["engine_version"]
    return version


def _make_source(scene: StageContext, version: str | None, password: str) -> Instance:
    """Return the source as the runbook's team would have it: its own groups, encrypted, backed up."""
    rds, ec2 = scene.clients.rds, scene.clients.ec2
    name = scene.effective.target.instance
    vpc, subnets = stage_service.network(scene.clients)
    group = ec2.create_security_group(GroupName=f"{name}-clients", Description="clients of the source", VpcId=vpc)
    rds.create_db_subnet_group(
        DBSubnetGroupName=f"{name}-subnets", DBSubnetGroupDescription="of the source", SubnetIds=subnets
    )
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername=MASTER,
        MasterUserPassword=password,
        DBSubnetGroupName=f"{name}-subnets",
        VpcSecurityGroupIds=[group["GroupId"]],
        BackupRetentionPeriod=0 if scene.needs_several_points else 7,
        PubliclyAccessible=False,
        StorageEncrypted=True,
        KmsKeyId=stage_protection.make_key(scene.clients),
        Tags=[{"Key": key, "Value": value} for key, value in scene.effective.target.tags.items()],
        **({"EngineVersion": version} if version else {}),
    )
    return _wait_available(scene, name)


def _wait_available(scene: StageContext, name: str) -> Instance:
    """Wait until the source is available; SandboxError with the server's message where it never will be."""
    changes: list[StatusChange] = []
    try:
        return wait_available(
            lambda: aws.describe_instance(scene.clients, name),
            SystemClock(),
            every=scene.poll,
            timeout=scene.effective.target.timeout.total_seconds(),
            on_change=changes.append,
        )
    except RestoreFailed as error:
        reason = str(scene.control.instance(name)["reason"]) or str(error)
        raise SandboxError(f"expected PostgreSQL to start for the source, found: {' '.join(reason.split())}") from error


# -- canary, backup, and what comes after ------------------------------------------------------------------------------


def _beat(connect: Connector, database: str, beats: int) -> None:
    with connect(database) as connection:
        writer.install(connection)
        for _ in range(beats):
            writer.beat(connection)


def _make_vaults(scene: StageContext) -> None:
    """Make the vault, and the one for copies where the configuration names one, on the side that drills restore on."""
    target = scene.effective.target
    if target.vault is None:
        raise SandboxError('expected a vault for the target in drill.toml, found none: set vault = "…"')
    scene.clients.backup.create_backup_vault(BackupVaultName=target.vault)
    if target.copy_vault:
        scene.scratch.backup.create_backup_vault(BackupVaultName=target.copy_vault)
    stage_protection.protect(scene.clients, target.vault, ROLE)


def _back_up(scene: StageContext, instance: Instance) -> str:
    """Return an on-demand backup through AWS Backup, followed to its end and copied; the ARN of its recovery point."""
    backup, target = scene.clients.backup, scene.effective.target
    role = f"arn:aws:iam::{scene.clients.account}:role/{ROLE}"
    _wait_available(scene, instance.id)  # an instance that still backs up automatically takes no other backup
    job = backup.start_backup_job(
        BackupVaultName=target.vault, ResourceArn=instance.arn, IamRoleArn=role, Lifecycle={"DeleteAfterDays": 1}
    )["BackupJobId"]
    _wait_for_job(scene, "backup", lambda: backup.describe_backup_job(BackupJobId=job))
    point = str(backup.describe_backup_job(BackupJobId=job)["RecoveryPointArn"])
    if target.copy_vault:
        account, region = scene.scratch.account, scene.scratch.region
        copy = backup.start_copy_job(
            RecoveryPointArn=point,
            SourceBackupVaultName=target.vault,
            DestinationBackupVaultArn=f"arn:aws:backup:{region}:{account}:backup-vault:{target.copy_vault}",
            IamRoleArn=role,
        )["CopyJobId"]
        _wait_for_job(scene, "copy", lambda: backup.describe_copy_job(CopyJobId=copy)["CopyJob"])
    return point


def _wait_for_job(scene: StageContext, kind: str, describe: Callable[[], dict[str, Any]]) -> None:
    """Wait until a job of AWS Backup has ended; SandboxError where it did not complete."""

    def state() -> str | None:
        found = str(describe()["State"])
        return None if found in ("CREATED", "PENDING", "RUNNING") else found

    timeout = scene.effective.target.timeout.total_seconds()
    ended = wait_until(state, timeout, SystemClock(), every=scene.poll, what=f"the {kind} job")
    if ended != "COMPLETED":
        raise SandboxError(f"expected the {kind} job to end COMPLETED, found {ended}: see the sandbox's log")


def _plan_backups(scene: StageContext, instance: Instance) -> None:
    """Make the plan that protects the source: as rarely as the RPO allows, twice a day where no plan can keep it.

    It was due ten minutes ago, so that no run of it falls into a drill and makes a newer recovery point.
    """
    backup = scene.clients.backup
    due = SystemClock().now() - timedelta(minutes=10)
    rpo = scene.effective.target.objectives(scene.choices.scenario).rpo_seconds or LONGEST_GAP * 3600.0
    allowed = int(rpo / 3600 - 1.5)  # hours, without the start window and half an hour for the backup
    every = next((hours for hours in GAPS if hours <= allowed), LONGEST_GAP)
    rule = {
        "RuleName": f"every-{every}-hours",
        "TargetBackupVaultName": scene.effective.target.vault,
        "ScheduleExpression": f"cron({due.minute} {due.hour % every}/{every} ? * * *)",
        "StartWindowMinutes": 60,
        "CompletionWindowMinutes": 120,
        "Lifecycle": {"DeleteAfterDays": 7},
    }
    plan = backup.create_backup_plan(BackupPlan={"BackupPlanName": f"{instance.id}-backups", "Rules": [rule]})
    backup.create_backup_selection(
        BackupPlanId=plan["BackupPlanId"],
        BackupSelection={
            "SelectionName": instance.id,
            "IamRoleArn": f"arn:aws:iam::{scene.clients.account}:role/{ROLE}",
            "Resources": [instance.arn],
        },
    )


def _damage_backup(scene: StageContext, point: str) -> None:
    """Damage the stored recovery point as the caller asked, and record it. Raises SandboxError where nothing could be damaged."""
    for done in scene.control.damage(point, scene.choices.damage):
        if not done["object"]:
            raise SandboxError(
                f"--damage {done['kind']}: expected something of that kind in the backup, found none "
                f"({done['what']}): choose another kind, or leave --damage out"
            )
        scene.journal.append("notes", f"damaged on purpose before the restore: {done['object']}: {done['what']}")


def _write_after_backup(scene: StageContext, connect: Connector, database: str) -> None:
    """Write beats, and orders in the sample application, that no backup holds: data for the disaster to take."""
    _beat(connect, database, BEATS_AFTER)
    if not scene.choices.seed:
        with connect(database) as connection:
            connection.execute("select shop.place_order() from generate_series(1, 25)")


if __name__ == "__main__":
    raise SystemExit(main())
