"""What of a run is refused before anything is started or made: what its configuration, files and seed already show."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from drills.config.load import Config, SandboxProfile
from drills.errors import ConfigError, SeedError
from drills.evidence.keys import read_public_key
from drills.model.instance import BUCKET, COPIES, OTHERS, TABLE
from drills.objectives import verdicts
from drills.record import RECORD_NAME, RUN_ID, load
from drills.redaction import redact_seed
from drills.run import context
from drills.tables.manifest import from_json


def unread_seed(choices: context.RunOptions) -> str:
    """Return why a dry run leaves the seed unread: it is on another host; "" for one that is read."""
    if "://" not in choices.seed:
        return ""
    from drills.sandbox.seeds.server import is_surely_local  # loads psycopg, which only such a seed needs

    if is_surely_local(choices.seed):
        return ""
    return f"{redact_seed(choices.seed)} is not on this machine, and a dry run connects to nothing elsewhere"


def check(effective: Config, choices: context.RunOptions, *, reads_seed: bool = True) -> None:
    """Refuse what cannot run. Raises ConfigError or SeedError, one sentence. A seed is connected to only with `reads_seed`."""
    names = [scenario.name for scenario in effective.target.scenarios]
    if choices.scenario is not None and choices.scenario not in names:
        raise ConfigError(
            f'--scenario: expected one of target "{effective.target_name}", found "{choices.scenario}"; '
            f"there are {', '.join(names) or 'none'}"
        )
    if not effective.target.is_database:
        _check_resource(effective, choices)
        return
    for kind in choices.damage:
        if other := next((OTHERS[each] for each, kinds in DAMAGES.items() if kind in kinds), None):
            raise ConfigError(
                f"--damage {kind}: expected a target that is {other.in_words}, found a database: choose another kind"
            )
    if (features := choices.own_features(effective)) or choices.own_steps(effective):
        from steps import own  # loads pytest, which only features and steps of one's own need here

        own.check(features, choices.own_steps(effective))
    choices.rules(effective)  # a rule that says nothing is refused now and not after the restore
    _check_manifest(effective)
    if not isinstance(effective.profile, SandboxProfile):
        _check_elsewhere(effective, choices)
    elif choices.resume:
        raise ConfigError(
            f'--resume: expected a copy in AWS or at an endpoint, found profile "{effective.profile_name}": an AWS of the sandbox '
            "ends with its run, and the copy with it"
        )
    elif effective.target.vault is None:
        raise ConfigError(
            f"targets.{effective.target_name}.vault: expected the vault that the sandbox backs up to, found none"
        )
    elif choices.seed and reads_seed:
        _check_seed(choices, effective.profile.postgres)


# the kinds of damage that the sandbox does to the recovery point of what is no database
DAMAGES: Mapping[str, tuple[str, ...]] = {
    TABLE: ("item", "attribute"),
    BUCKET: ("object", "bytes", "truncated", "extra"),
}
OF_OTHERS = tuple(kind for kinds in DAMAGES.values() for kind in kinds)


def _check_resource(effective: Config, choices: context.RunOptions) -> None:
    """Refuse what the drill of what is no database does not have, and what it lacks."""
    word, damages = effective.target.in_words, DAMAGES.get(effective.target.record_kind, ())
    given = (
        ("--seed", choices.seed),
        ("--database", choices.database),
        ("--trust-seed", choices.trust_seed),
        ("--resume", choices.resume),
        ("--features", choices.features),
        ("--steps", choices.steps),
        ("--damage", choices.damage and not damages),
    )
    for option, value in given:
        if value:
            fits = "a database, a table or a bucket" if option == "--damage" else "a database"
            raise ConfigError(f"{option}: expected a target that is {fits}, found {word}: leave {option} out")
    if unknown := [each for each in choices.damage if each not in damages]:
        raise ConfigError(
            f"--damage {unknown[0]}: expected damage of {word} ({', '.join(damages)}): choose one of these"
        )
    key = f"targets.{effective.target_name}"
    if stored := effective.target.manifest:
        _check_table_manifest(f"{key}.manifest", Path(stored), effective.target.instance)
    if isinstance(effective.profile, SandboxProfile):
        return
    if choices.damage:
        raise ConfigError(
            f'--damage: expected a profile of kind "sandbox", found profile "{effective.profile_name}": leave --damage out'
        )
    if effective.target.restore.backup_role_arn is None:
        raise ConfigError(
            f"{key}.restore.backup_role_arn: expected the role that AWS Backup restores with, found none: name it"
        )


def _check_table_manifest(key: str, stored: Path, table: str) -> None:
    """Refuse what is no manifest of the table before the run begins, in which it would be found after the restore."""
    expected = f"{key}: expected a manifest of drills table manifest, found"
    if not stored.is_file():
        raise ConfigError(f"{expected} no file {stored}: correct the path, or take one")
    try:
        found = from_json(stored.read_text(encoding="utf-8"), f"{key}: {stored}")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{expected} {stored}, which cannot be read: {error}: correct the path, or take one"
        ) from error
    if found.table != table:
        raise ConfigError(
            f"{key}: expected a manifest of the table {table!r}, found {stored} of {found.table!r}: "
            "name the other file, or take one"
        )


def resumed_run(given: str) -> str:
    """Return the id of the run that --resume names, by its id or the path of its folder. Raises ConfigError."""
    run_id = Path(given).name
    if not RUN_ID.fullmatch(run_id):
        raise ConfigError(f'--resume: expected a run such as 20261123-141503-a1b2, or its folder, found "{given}"')
    return run_id


def check_over(out: Path, run_id: str) -> None:
    """Refuse to resume a run that still goes on here, or one that has removed its copy. Raises ConfigError.

    Of a run on another machine nothing is known, nor of a copy that the record does not name.
    """
    if not run_id or not (out / run_id / RECORD_NAME).exists():
        return
    record = load(out / run_id)
    if record.ended_at is None:
        raise ConfigError(f"--resume: expected a run that is over, found that {run_id} still goes on here: let it end")
    from drills.aws.guarded.names import ScratchNames  # loads boto3, which only a run that is resumed needs

    copy = ScratchNames.of(record.owner, "recovery").instance
    if any((each.id, each.state) == (copy, "gone") and each.kind in COPIES for each in record.resources):
        code = verdicts.exit_codes(record)[0]
        raise ConfigError(
            f"--resume: expected a run whose copy is still there, found that {run_id} ended with exit code {code} and has removed "
            f"its copy: see its report in {out / run_id}, and begin a new run"
        )


def _check_manifest(effective: Config) -> None:
    stored, store = effective.target.manifest, effective.target.manifests
    if store and store.public_key:
        read_public_key(Path(store.public_key))
    if stored and not Path(stored).is_file():
        raise ConfigError(
            f"targets.{effective.target_name}.manifest: expected a stored manifest, found no file {stored}; correct "
            "the path, or leave it out to check what needs no manifest"
        )
    if stored and not isinstance(effective.profile, SandboxProfile):  # which takes one of its own
        # loads psycopg, which the command line of a run in the sandbox never needs
        from drills.checks.content.check import unmatched_policies
        from drills.evidence.manifests import read_stored

        _, expected, _ = read_stored(stored, effective.evidence.public_key)
        contents = [each.contents for each in expected.databases.values()]
        for unmatched in unmatched_policies(contents, effective.target.tables):
            raise ConfigError(
                f"targets.{effective.target_name}.tables: expected tables of the manifest {stored}, found {unmatched.what} "
                f"with the {unmatched.reason}: correct the name, or take the manifest anew"
            )


def _check_elsewhere(effective: Config, choices: context.RunOptions) -> None:
    """Refuse outside of the sandbox what only the sandbox can do, and what no guard would let through."""
    from drills.aws import guards  # loads boto3, which the command line of a run in the sandbox never needs

    guards.check_plan(effective)
    for option, value in (
        ("--seed", choices.seed),
        ("--database", choices.database),
        ("--trust-seed", choices.trust_seed),
        ("--damage", choices.damage),
    ):
        if value:
            raise ConfigError(
                f'{option}: expected a profile of kind "sandbox", found profile '
                f'"{effective.profile_name}" of kind "{effective.profile.kind}"; leave {option} out'
            )


def _check_seed(choices: context.RunOptions, postgres: str | None) -> None:
    """Read the seed whole, as the sandbox will: a dump to its end, of a server its catalog."""
    from drills.sandbox.postgres import binaries, folders  # heavy, and only a seed needs them
    from drills.sandbox.seeds import seed

    user, servers = binaries.server_user(), binaries.find(postgres)
    work = folders.prepare_state(user=user)
    try:
        info = seed.inspect(choices.seed, servers, work, user, choices.database or None)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if info.outside and not choices.trust_seed:
        raise SeedError(
            f"--seed {info.source}: {info.outside}: leave that out, or add --trust-seed for a dump of your own"
        )
    if not info.local and not choices.confirmed:
        raise SeedError(
            f"--seed: expected a server on this machine, found {info.source} on another host "
            f"({info.size_bytes or 0:,} bytes would be copied): add --yes to copy it"
        )
