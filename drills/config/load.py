"""The effective configuration of a run: read from drill.toml, overridden, and each value with its origin.

Precedence, strongest first: command-line option, DRILL_PROFILE, the file, the default. Everything in the file is
validated, not the chosen profile and target alone, so that a slip shows on the first run after it was made. Each error
is one ConfigError that names file, key and what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from drills.config.evidence import EvidenceConfig
from drills.config.file import DEFAULT_FILE, ConfigFile, dotted_key, validate_table
from drills.config.limits import Limits
from drills.config.metrics import PLACE, MetricsConfig
from drills.config.notices import NoticesConfig
from drills.config.objectives import Scenario
from drills.config.profiles import (
    GUARDED_TAGS,
    PROFILES,
    SANDBOX_STATUSES,
    AwsProfile,
    EndpointProfile,
    Profile,
    SandboxProfile,
)
from drills.config.table import Table
from drills.config.target import CheckRule, Credentials, RestoreConfig, Target
from drills.config.values import did_you_mean, one_of
from drills.durations import write_duration
from drills.errors import ConfigError
from drills.model.instance import DatabaseKind
from drills.model.policy import CHECKS, TablePolicy, parse_table_policy
from drills.model.record import DEFAULT, Setting

__all__ = [
    "CHECKS",
    "DEFAULT_FILE",
    "GUARDED_TAGS",
    "OPTIONS",
    "PROFILE_VARIABLE",
    "SANDBOX_STATUSES",
    "TIERS",
    "AwsProfile",
    "CheckRule",
    "Config",
    "Credentials",
    "EndpointProfile",
    "EvidenceConfig",
    "MetricsConfig",
    "NoticesConfig",
    "Profile",
    "RestoreConfig",
    "SandboxProfile",
    "Scenario",
    "TablePolicy",
    "Target",
    "expected_targets_of",
    "fleet_targets_of",
    "history_of",
    "load",
    "only_target",
    "parse_table_policy",
    "target_of",
    "targets_of",
]

PROFILE_VARIABLE = "DRILL_PROFILE"
TIERS = "[targets.NAME.tiers]"
# Command-line options that override one setting, and which.
OPTIONS: Mapping[str, tuple[str, str]] = {
    "--postgres": ("profile", "postgres"),
    "--endpoint-url": ("profile", "endpoint_url"),
    "--rto": ("target", "rto"),
    "--rpo": ("target", "rpo"),
    "--sample": ("target", "sample"),
    "--invariants": ("target", "invariants"),
    "--tier": ("target", "tier"),
    TIERS: ("target", "tier"),  # no option: the tier that is due by the chain
    "--calls-per-second": ("profile", "calls_per_second"),
}

_OF_DATABASES = (
    "target.instance",  # what is no database is called under a key of its own
    "target.engine",
    "target.expects",
    "target.hydrate",
    "target.restore.make_parameter_group",
)


@dataclass(frozen=True, slots=True)
class Config:
    """The effective configuration of one run. `settings` says where each value came from; `instances` are all sources in the file.

    `file` is None where there was no file and the built-in defaults hold; `history` where it names none.
    """

    file: Path | None
    profile_name: str
    profile: SandboxProfile | EndpointProfile | AwsProfile
    target_name: str
    target: Target
    instances: tuple[str, ...]
    settings: tuple[Setting, ...]
    history: Path | None = None
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    notices: NoticesConfig = field(default_factory=NoticesConfig)

    @property
    def simulated(self) -> bool:
        """Whether the run is a simulation, which says nothing about recovery on AWS (docs/reports.md)."""
        return self.profile.kind != "aws"

    @property
    def limits(self) -> Limits:
        """How long each part of the run may take, and which key says so."""
        return self.target.run_limits(self.target_name, sandboxed=self.profile.kind == "sandbox")

    @property
    def restore_region(self) -> str:
        """The region that the copy is restored in: the target's own choice, else where the source is."""
        return self.target.restore.region or self.profile.region


def load(
    path: Path | None,
    *,
    profile: str | None,
    target: str | None,
    environment: Mapping[str, str],
    overrides: Mapping[str, str] | None = None,
    tables: bool = False,
) -> Config:
    """Return the configuration of a run. Raises ConfigError, without `tables` for a target that is a DynamoDB table as well.

    `path` None: drill.toml of the working directory when it exists, else the built-in sandbox. `profile` and `target`
    are the options --profile and --target, None when not given; `overrides` maps further options (OPTIONS) to their
    text. Of `environment` only DRILL_PROFILE is read.
    """
    file = ConfigFile.read(path)
    drill, profiles, targets = file.drill(), file.profiles(), file.targets()
    evidence, metrics, notices = file.evidence(), _metrics(file, len(targets)), file.notices()
    wanted: tuple[tuple[str | None, str], ...] = (
        (profile, "--profile"),
        (environment.get(PROFILE_VARIABLE), PROFILE_VARIABLE),
        (drill.profile, file.name),
        ("sandbox", DEFAULT),
    )
    profile_name, profile_origin = _choose("profile", wanted, tuple(profiles))
    only = next(iter(targets)) if len(targets) == 1 else None
    wanted = ((target, "--target"), (drill.target, file.name), (only, DEFAULT))
    target_name, target_origin = _choose("target", wanted, tuple(targets))
    chosen = targets[target_name] if tables else _database(target_name, targets[target_name])
    changed, given = _override(profiles[profile_name], chosen, profile_name, overrides or {})
    raw_profile = dict(file.named("profiles")).get(profile_name, {})
    raw_target = dict(file.named("targets")).get(target_name, {})
    return Config(
        file=file.path,
        profile_name=profile_name,
        profile=changed["profile"],
        target_name=target_name,
        target=changed["target"],
        instances=tuple(sorted({each.instance for each in targets.values()})),
        settings=(
            Setting("profile", profile_name, profile_origin),
            *_settings("profile", changed["profile"], raw_profile, file.name, given),
            Setting("target", target_name, target_origin),
            *_settings_of_target(changed["target"], raw_target, file.name, given),
            *((Setting("history", drill.history, file.name),) if drill.history else ()),
            *_settings_of_tables(file, profile_name),
        ),
        history=Path(drill.history) if drill.history else None,
        evidence=evidence[profile_name],
        metrics=metrics[profile_name],
        notices=notices[profile_name],
    )


def _database(name: str, target: Target) -> Target:
    target.require_database(f"targets.{name}")
    return target


def target_of(path: Path | None, instance: str, kind: DatabaseKind = "instance") -> str | None:
    """Return the name of the first target whose source is that instance or cluster, None without one; `path` as for `load`."""
    named = ConfigFile.read(path).targets()
    databases = ((name, target) for name, target in named.items() if target.is_database)
    return next((name for name, target in databases if (target.instance, target.kind) == (instance, kind)), None)


def only_target(path: Path | None, is_meant: Callable[[Target], bool]) -> str | None:
    """Return the name of the one target that a command can mean where nobody names one; `path` as for `load`.

    None where drill.toml says which one it is, where several are meant, and where none is. Raises ConfigError.
    """
    file = ConfigFile.read(path)
    meant = [name for name, target in file.targets().items() if is_meant(target)]
    return meant[0] if len(meant) == 1 and file.drill().target is None else None


def targets_of(path: Path | None) -> tuple[str, ...]:
    """Return the names of all targets; `path` as for `load`. Raises ConfigError."""
    return tuple(ConfigFile.read(path).targets())


def expected_targets_of(path: Path | None) -> tuple[str, ...]:
    """Return the names of the targets that are meant where none is named; `path` as for `load`.

    Raises ConfigError, where each of them is meant only by its name as well.
    """
    file = ConfigFile.read(path)
    names = tuple(name for name, target in file.targets().items() if not target.only_by_name)
    if not names:
        raise ConfigError(
            f"{file.name}: targets: expected one without only_by_name, found {', '.join(file.targets())}: name it with --target"
        )
    return names


def fleet_targets_of(path: Path | None) -> tuple[str, ...]:
    """Return the same; ConfigError where there is a file and it has none: the built-in one is no fleet of it."""
    file = ConfigFile.read(path)
    if file.path is not None and not file.raw.get("targets"):
        raise ConfigError(
            f"{file.name}: targets: expected the targets of a fleet, found none: write [targets.NAME], or type drills init"
        )
    return expected_targets_of(path)


def history_of(path: Path | None) -> Path | None:
    """Return where the file keeps the history, None where it does not say; `path` as for `load`. Raises ConfigError."""
    file = ConfigFile.read(path)
    named = file.drill().history
    return Path(named) if named else None


def _choose(what: str, wanted: tuple[tuple[str | None, str], ...], known: tuple[str, ...]) -> tuple[str, str]:
    """Return the first name that was given and where; ConfigError listing what there is when it names nothing."""
    name, origin = next(((name, origin) for name, origin in wanted if name is not None), (None, ""))
    there = ", ".join(sorted(known))
    if name is None:
        raise ConfigError(
            f"expected the name of a {what}, found none: give --{what} or set drill.{what}; there are {there}"
        )
    if origin == PROFILE_VARIABLE and not name.strip():
        raise ConfigError(
            f"{origin}: expected the name of a {what}, found an empty value: unset it, or say which; there are {there}"
        )
    if name not in known:
        hint = did_you_mean(name, known)
        label = origin if origin in (f"--{what}", PROFILE_VARIABLE) else f"{origin}: drill.{what}"
        raise ConfigError(f'{label}: expected the name of a {what}, found "{name}"{hint}; there are {there}')
    return name, origin


def _override(
    profile: Table, target: Target, profile_name: str, overrides: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, tuple[str, str]]]:
    """Return profile and target with the options applied, and for each setting that an option gave: the option and its text."""
    tables: dict[str, Any] = {"profile": profile, "target": target}
    given: dict[str, tuple[str, str]] = {}
    for option, text in overrides.items():
        if option not in OPTIONS:
            raise ConfigError(f"{option}: expected an option out of {', '.join(OPTIONS)}")
        part, field = OPTIONS[option]
        table = tables[part]
        if field not in type(table).model_fields:
            fits = one_of(kind for kind, model in PROFILES.items() if field in model.model_fields)
            raise ConfigError(
                f'{option}: expected a profile of kind {fits}, found profile "{profile_name}" of kind "{table.kind}"'
            )
        own: dict[str, Any] = {"instance": target.instance}
        if target.other:
            own = {target.other.key: target.instance, "vault": target.vault}
        rest = own if part == "target" else {}
        try:
            checked = validate_table(type(table), rest | {field: text}, Path(), "", option)
        except ConfigError as error:
            raise ConfigError(str(error).replace(f"{option}.{field}", option, 1)) from None
        tables[part] = table.model_copy(update={field: getattr(checked, field)})
        given[f"{part}.{field}"] = (option, text)
    return tables, given


def _settings(
    prefix: str, table: Table, raw: Mapping[str, Any], file: str, given: Mapping[str, tuple[str, str]]
) -> Iterator[Setting]:
    """Yield each effective value with its origin; what is not set and has no default is left out."""
    for name, about in type(table).model_fields.items():
        key = about.alias or name
        yield from _setting(f"{prefix}.{key}", getattr(table, name), raw.get(key), file, given)


def _metrics(file: ConfigFile, targets: int) -> dict[str, MetricsConfig]:
    """Return [metrics] by profile. Raises ConfigError where several targets would share a metric."""
    found = file.metrics()
    for profile, table in found.items():
        if not table.tells_apart(targets):
            where = dotted_key(file.raw_table("metrics", profile)[0], "cloudwatch")
            raise ConfigError(
                f'{file.name}: {where}: expected "{PLACE}" in the name, since there are {targets} targets, found '
                f'"{table.cloudwatch}": a metric of two targets would hide that one of them was not drilled'
            )
    return found


def _settings_of_target(
    target: Target, raw: Mapping[str, Any], file: str, given: Mapping[str, tuple[str, str]]
) -> Iterator[Setting]:
    """Yield the settings of a target; of what is no database without the defaults that hold of databases alone."""
    for each in _settings("target", target, raw, file, given):
        if target.is_database or each.origin != DEFAULT or each.name not in _OF_DATABASES:
            yield each


def _settings_of_tables(file: ConfigFile, profile: str) -> Iterator[Setting]:
    """Yield the settings of the tables that a profile may have of its own; of notices only where somebody is told."""
    for name, tables in (("evidence", file.evidence()), ("metrics", file.metrics()), ("notices", file.notices())):
        if name != "notices" or file.notices()[profile].wanted:
            yield from _settings(name, tables[profile], file.raw_table(name, profile)[1], file.name, {})


def _setting(name: str, value: Any, raw: Any, file: str, given: Mapping[str, tuple[str, str]]) -> Iterator[Setting]:
    inner = raw if isinstance(raw, Mapping) else {}
    if isinstance(value, Table):
        yield from _settings(name, value, inner, file, given)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _setting(dotted_key(name, key), each, inner.get(key), file, given)
    elif isinstance(value, tuple) and value and isinstance(value[0], Table):
        for each, source in zip(value, raw or (), strict=False):
            yield from _settings(dotted_key(name, each.name), each, source, file, given)
    elif value is not None and value not in ("", ()):
        origin, written = given.get(name, (DEFAULT if raw is None else file, raw))
        yield Setting(name, _text(name, value, written), origin)


def _text(name: str, value: Any, written: Any) -> str:
    """Return the value for a report; durations as they were written ("24h" stays "24h")."""
    if name.endswith(".external_id"):
        return "(set)"  # no secret by AWS's own words, and still nothing for a report
    if isinstance(value, timedelta):
        return written if isinstance(written, str) else write_duration(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(str(each) for each in value)
    return str(value)
