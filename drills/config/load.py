"""The effective configuration of a run: read from drill.toml, overridden, and each value with its origin.

Precedence, strongest first: command-line option, DRILL_PROFILE, the file, the default. Everything in the file is
validated, not the chosen profile and target alone, so that a slip shows on the first run after it was made. Each error
is one ConfigError that names file, key and what is allowed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from drills.config.table import Table
from drills.config.target import (
    GUARDED_TAGS,
    KINDS,
    PROFILES,
    SANDBOX_STATUSES,
    AwsProfile,
    CheckRule,
    Credentials,
    DrillTable,
    EndpointProfile,
    Profile,
    RestoreConfig,
    SandboxProfile,
    Scenario,
    Target,
)
from drills.config.values import did_you_mean, looks_secret, one_of, show_value, unknown_key
from drills.durations import write_duration
from drills.errors import ConfigError
from drills.model.policy import CHECKS, TablePolicy, parse_table_policy
from drills.model.record import Setting

__all__ = [
    "CHECKS",
    "DEFAULT_FILE",
    "GUARDED_TAGS",
    "OPTIONS",
    "PROFILE_VARIABLE",
    "SANDBOX_STATUSES",
    "AwsProfile",
    "CheckRule",
    "Config",
    "Credentials",
    "EndpointProfile",
    "Profile",
    "RestoreConfig",
    "SandboxProfile",
    "Scenario",
    "TablePolicy",
    "Target",
    "history_of",
    "load",
    "parse_table_policy",
]

DEFAULT_FILE = "drill.toml"
PROFILE_VARIABLE = "DRILL_PROFILE"
DEFAULT = "default"
BUILT_IN_TARGET = {"instance": "myappdbprod", "vault": "drills-vault", "rto": "30m", "rpo": "24h"}
# Command-line options that override one setting, and which.
OPTIONS: Mapping[str, tuple[str, str]] = {
    "--postgres": ("profile", "postgres"),
    "--endpoint-url": ("profile", "endpoint_url"),
    "--rto": ("target", "rto"),
    "--rpo": ("target", "rpo"),
    "--sample": ("target", "sample"),
    "--invariants": ("target", "invariants"),
}
_SECTIONS = ("drill", "profiles", "targets")

AnyTable = TypeVar("AnyTable", bound=Table)


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

    @property
    def simulated(self) -> bool:
        """Whether the run is a simulation, which says nothing about recovery on AWS (docs/reports.md)."""
        return self.profile.kind != "aws"

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
) -> Config:
    """Return the configuration of a run. Raises ConfigError.

    `path` None: drill.toml of the working directory when it exists, else the built-in sandbox. `profile` and `target`
    are the options --profile and --target, None when not given; `overrides` maps further options (OPTIONS) to their
    text. Of `environment` only DRILL_PROFILE is read, and an empty one counts as not set.
    """
    file = _File.read(path)
    drill = file.table(DrillTable, "drill", file.section("drill"))
    profiles = {name: file.profile(name, raw) for name, raw in file.named("profiles")}
    profiles = {kind: model() for kind, model in PROFILES.items() if kind not in profiles} | profiles
    raw_targets = dict(file.named("targets")) or {BUILT_IN_TARGET["instance"]: BUILT_IN_TARGET}
    targets = {name: file.target(name, raw) for name, raw in raw_targets.items()}

    wanted: tuple[tuple[str | None, str], ...] = (
        (profile, "--profile"),
        (environment.get(PROFILE_VARIABLE) or None, PROFILE_VARIABLE),
        (drill.profile, file.name),
        ("sandbox", DEFAULT),
    )
    profile_name, profile_origin = _choose("profile", wanted, tuple(profiles))
    only = next(iter(targets)) if len(targets) == 1 else None
    wanted = ((target, "--target"), (drill.target, file.name), (only, DEFAULT))
    target_name, target_origin = _choose("target", wanted, tuple(targets))

    changed, given = _override(profiles[profile_name], targets[target_name], profile_name, overrides or {})
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
            *_settings("target", changed["target"], raw_target, file.name, given),
            *((Setting("history", drill.history, file.name),) if drill.history else ()),
        ),
        history=Path(drill.history) if drill.history else None,
    )


def history_of(path: Path | None) -> Path | None:
    """Return where the file keeps the history, None where it does not say; `path` as for `load`. Raises ConfigError."""
    file = _File.read(path)
    named = file.table(DrillTable, "drill", file.section("drill")).history
    return Path(named) if named else None


@dataclass(frozen=True, slots=True)
class _File:
    """A configuration file as TOML, or an empty one when there is none; `name` is what a sentence calls it."""

    path: Path | None
    name: str
    raw: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path | None) -> _File:
        asked = path is not None
        path = path or Path(DEFAULT_FILE)
        name = str(path)
        try:
            text = path.read_bytes().decode("utf-8-sig")  # some editors begin a file with a byte order mark
            raw = tomllib.loads(text)
        except FileNotFoundError:
            if asked:
                raise ConfigError(
                    f"{name}: expected a configuration file, found none: correct --config, "
                    "or leave it out for the built-in sandbox"
                ) from None
            return cls(None, name, {})
        except OSError as error:
            raise ConfigError(f"{name}: expected a file that can be read, found: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{name}: expected UTF-8 text, found other bytes at byte {error.start}") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{name}: {_toml_sentence(error, text)}") from error
        except (ValueError, RecursionError) as error:  # a number of thousands of digits, tables thousands deep
            raise ConfigError(f"{name}: expected TOML of an ordinary size, found: {error}") from error
        file = cls(path, name, raw)
        file.check_sections()
        return file

    def check_sections(self) -> None:
        """Refuse a top-level key that is not drill, profiles or targets; the singular forms are named."""
        for key, value in self.raw.items():
            if key not in _SECTIONS:
                known = [f"[{section}]" if section == "drill" else f"[{section}.NAME]" for section in _SECTIONS]
                error = unknown_key(key, _SECTIONS) if looks_secret(key) else None
                hint = did_you_mean(key, _SECTIONS)
                text = error.message() if error else f"unknown key{hint}; allowed at the top are {', '.join(known)}"
                raise ConfigError(f"{self.name}: {key}: {text}")
            if not isinstance(value, dict):
                raise ConfigError(f"{self.name}: {key}: expected a table, found {show_value(value)}")

    def section(self, key: str) -> Mapping[str, Any]:
        """Return a top-level table, empty when the file has none."""
        found: Mapping[str, Any] = self.raw.get(key, {})
        return found

    def named(self, section: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the tables [section.NAME] with their names."""
        for name, raw in self.section(section).items():
            if not name.strip():
                raise ConfigError(f'{self.name}: {section}."": expected a name that is not empty, found ""')
            if not isinstance(raw, dict):
                raise ConfigError(
                    f"{self.name}: {_dotted(section, name)}: expected a table [{section}.NAME], found {show_value(raw)}"
                )
            yield name, raw

    def profile(self, name: str, raw: Mapping[str, Any]) -> Profile:
        """Return the profile of that name; `kind` may be left out where the name is one of the three kinds."""
        where = _dotted("profiles", name)
        kind = raw.get("kind", name if name in KINDS else None)
        if kind is None:
            raise ConfigError(f"{self.name}: {where}.kind: expected {one_of(KINDS)}, found nothing")
        if kind not in KINDS:
            hint = did_you_mean(kind, KINDS) if isinstance(kind, str) else ""
            raise ConfigError(f"{self.name}: {where}.kind: expected {one_of(KINDS)}, found {show_value(kind)}{hint}")
        return self.table(PROFILES[kind], where, raw)

    def target(self, name: str, raw: Mapping[str, Any]) -> Target:
        """Return the target of that name; its instance is called the same unless the file says otherwise."""
        return self.table(Target, _dotted("targets", name), {"instance": name} | dict(raw))

    def table(self, model: type[AnyTable], where: str, raw: Mapping[str, Any]) -> AnyTable:
        """Validate one table."""
        base = self.path.parent if self.path else Path()
        return _validated(model, raw, base, f"{self.name}: ", where)


def _toml_sentence(error: tomllib.TOMLDecodeError, text: str) -> str:
    """Return the line number and the parser's message, whose own text ends in "(at line 3, column 5)"."""
    message = str(error)
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    line = int(place[1]) if place and place[1] else text.count("\n") + 1
    reason = message[: place.start()] if place else message
    return f"line {line}: expected TOML, found: {reason[:1].lower()}{reason[1:]}"


def _validated(model: type[AnyTable], raw: Mapping[str, Any], base: Path, label: str, where: str) -> AnyTable:
    try:
        return model.model_validate(dict(raw), context={"base": base})
    except ValidationError as error:
        raise ConfigError(label + _sentence(error, where)) from None


def _sentence(error: ValidationError, where: str) -> str:
    """Return the first error as "key: what is allowed". An unknown key goes before all: it often explains the others."""
    errors = error.errors(include_url=False)
    first = next((each for each in errors if each["type"] == "unknown_key"), errors[0])
    loc: list[str | int] = list(first["loc"])
    if first["type"] == "unknown_key":
        loc.append(str(first["ctx"]["key"]))
    key = _dotted(where, *loc)
    secret = any(looks_secret(part) for part in loc if isinstance(part, str))
    found = "" if secret else f", found {show_value(first['input'])}"
    kind, ctx = first["type"], first.get("ctx", {})
    expected = {
        "string_type": "text in quotes",
        "int_type": "a whole number",
        "bool_type": "true or false",
        "tuple_type": "a list",
        "mapping_type": "a table",
        "dict_type": "a table",
        "model_type": "a table",
        "missing": "a value",
    }.get(kind)
    if expected:
        return f"{key}: expected {expected}{'' if kind == 'missing' else found}"
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", str(ctx["expected"]))
        hint = did_you_mean(first["input"], words) if isinstance(first["input"], str) else ""
        return f"{key}: expected {one_of(words)}{found}{hint}"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"{key}: expected a number {'from' if 'ge' in ctx else 'up to'} {ctx.get('ge', ctx.get('le'))}{found}"
    return f"{key}: {first['msg']}"


def _dotted(*parts: str | int) -> str:
    """Return a key as TOML would write it: a."b.c"[1].d; the first part may be dotted already."""
    text = str(parts[0])
    for part in parts[1:]:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part == "[key]":  # pydantic's word for "the key itself", which the path already ends in
            continue
        else:
            text += f".{part}" if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'."{part}"'
    return text


def _choose(what: str, wanted: tuple[tuple[str | None, str], ...], known: tuple[str, ...]) -> tuple[str, str]:
    """Return the first name that was given and where; ConfigError listing what there is when it names nothing."""
    name, origin = next(((name, origin) for name, origin in wanted if name is not None), (None, ""))
    there = ", ".join(sorted(known))
    if name is None:
        raise ConfigError(
            f"expected the name of a {what}, found none: give --{what} or set drill.{what}; there are {there}"
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
        rest = {"instance": target.instance} if part == "target" else {}
        try:
            checked = _validated(type(table), rest | {field: text}, Path(), "", option)
        except ConfigError as error:
            raise ConfigError(str(error).replace(f"{option}.{field}", option, 1)) from None
        tables[part] = table.model_copy(update={field: getattr(checked, field)})
        given[f"{part}.{field}"] = (option, text)
    return tables, given


def _settings(
    prefix: str, table: Table, raw: Mapping[str, Any], file: str, given: Mapping[str, tuple[str, str]]
) -> Iterator[Setting]:
    """Yield each effective value with its origin; what is not set and has no default is left out."""
    for name, field in type(table).model_fields.items():
        key = field.alias or name
        yield from _setting(f"{prefix}.{key}", getattr(table, name), raw.get(key), file, given)


def _setting(name: str, value: Any, raw: Any, file: str, given: Mapping[str, tuple[str, str]]) -> Iterator[Setting]:
    inner = raw if isinstance(raw, Mapping) else {}
    if isinstance(value, Table):
        yield from _settings(name, value, inner, file, given)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _setting(_dotted(name, key), each, inner.get(key), file, given)
    elif isinstance(value, tuple) and value and isinstance(value[0], Table):
        for each, source in zip(value, raw or (), strict=False):
            yield from _settings(_dotted(name, each.name), each, source, file, given)
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
