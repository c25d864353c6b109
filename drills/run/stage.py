"""Sets the scene in the sandbox: a source instance with data, a canary, a manifest, a backup, and something to lose.

`python -m drills.run.stage FOLDER` is started by the supervisor before the features. Elsewhere than in the sandbox a drill
makes no backup and this is not run. The source's master password exists in this process alone.
"""

from __future__ import annotations

import dataclasses
import secrets
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from drills.checks import manifest
from drills.checks.base.session import Connector
from drills.checks.owner import parse
from drills.clock import SystemClock
from drills.config.load import Config
from drills.cutover import guards
from drills.errors import COULD_NOT_RUN, DrillError, SandboxError
from drills.files import write_atomically
from drills.model.instance import Instance
from drills.model.record import TargetSummary
from drills.plural import counted
from drills.record import Journal
from drills.recovery import point_in_time
from drills.redaction import clean_error, redact_seed
from drills.run import context, lifeline, stage_service
from drills.run.plan import read_plan
from drills.run.scene import plan
from drills.run.scene.resource import open_scene
from drills.run.source import SAMPLE, SourceMaker, beat
from drills.sandbox_client import SandboxControl

BEATS_BEFORE, BEATS_AFTER = 5, 5
MIN_FREE_BYTES = 2 * 16 * 2**20  # bytes: two segments of the write-ahead log, less than any server needs to go on


@dataclass(frozen=True, slots=True)
class StageContext:
    """The collaborators of the stage."""

    effective: Config
    source: SourceMaker
    control: SandboxControl
    journal: Journal
    choices: context.RunOptions

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
        clean_error(error)
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
    opened = open_scene(folder)
    choices, effective, service = opened.choices, opened.effective, opened.service
    control, poll = SandboxControl(service.endpoint), effective.profile.poll_every.total_seconds()
    clients = opened.clients, opened.scratch_clients
    source = SourceMaker(
        effective.target_name, effective.target, *clients, control, SystemClock(), Path(service.ca), poll
    )
    scene = StageContext(effective, source, control, journal, choices)
    password = SecretStr(secrets.token_urlsafe(24))
    instance, connect, database = _fill(scene, password)
    _check_sql(scene, connect, database)
    journal.enter("take the manifest", note="the canary beats, then the database is fingerprinted")
    beat(connect, database, BEATS_BEFORE)
    stored = folder / context.MANIFEST_NAME
    policies = scene.effective.target.tables
    key = manifest.write_key(stored)
    write_atomically(stored, manifest.dump(manifest.take(connect, key=key, policies=policies), key))
    journal.enter("back up", note="AWS Backup, on demand, beside a plan")
    source.make_vaults()
    point = source.back_up(instance)
    context.save(folder, dataclasses.replace(context.read(folder), manifest_of=point))
    planned = plan.wanted(effective, source.clients, choices.scenario)
    journal.append("notes", plan.make(source.clients, planned, source.clock.now()))
    if choices.damage:
        journal.enter("damage the backup", note="as --damage asked")
        _damage_backup(scene, point)
    journal.enter("write after the backup", note="what the disaster will take")
    _write_after_backup(scene, connect, database)
    if scene.needs_several_points:
        journal.enter("back up again", note="so that there is more than one recovery point")
        source.back_up(instance)
    else:
        crossed = point_in_time.mark_moment(connect, database)
        context.save(
            folder,
            dataclasses.replace(context.read(folder), moment=crossed.isoformat(), moment_database=database),
        )
    journal.enter("collect the scenarios")


# -- the source -------------------------------------------------------------------------------------------------------


def _fill(scene: StageContext, password: SecretStr) -> tuple[Instance, Connector, str]:
    source = scene.choices.seed or SAMPLE
    scene.journal.enter("create the source")
    version = _engine_version(scene, source)
    instance = scene.source.make(version, password, retention=0 if scene.needs_several_points else 7)
    scene.journal.enter("load the data", note=source if source == SAMPLE else "the user's own data")
    choices = scene.choices
    loaded = scene.control.load_seed(
        instance.id, source, yes=choices.confirmed, database=choices.database, trusted=choices.trust_seed
    )
    if guards.REQUIRED_TAG in scene.effective.profile.allow:
        stage_service.keep_password(scene.source.clients, instance.id, password)
    context.save(scene.journal.folder, dataclasses.replace(scene.choices, seed=redact_seed(scene.choices.seed)))
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
    return instance, scene.source.connector(instance, password), loaded["database"]


def _check_sql(scene: StageContext, connect: Connector, database: str) -> None:
    """Refuse SQL of the owner's that the source cannot read, before it is backed up. Raises ConfigError."""
    target = scene.effective.target
    parse.check_invariants(connect, scene.choices.rules(scene.effective).invariants)
    texts = {each.name: each.text() for each in target.queries} | {each.name: each.sql for each in target.freshness}
    parse.check_queries(connect, database, texts)


def _describe(source: str, loaded: dict[str, Any]) -> str:
    what = "the sample application" if source == SAMPLE else "the user's own data"
    return f"{what}: {counted(loaded['tables'], 'table')}, {counted(loaded['rows'], 'row')}"


def _engine_version(scene: StageContext, source: str) -> str | None:
    """Return the lowest PostgreSQL at hand that is not older than the seed; None leaves the choice to the sandbox."""
    if source == SAMPLE:
        return None
    version: str = scene.control.inspect_seed(source, database=scene.choices.database)["engine_version"]
    return version


# -- what comes after the backup ------------------------------------------------------------------------------------------


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
    beat(connect, database, BEATS_AFTER)
    if not scene.choices.seed:
        with connect(database) as connection:
            connection.execute("select shop.place_order() from generate_series(1, 25)")


if __name__ == "__main__":
    raise SystemExit(main())
