"""Reads drill.toml and validates its tables. Each error is one ConfigError that names file, key and what is allowed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from drills.config.evidence import EvidenceConfig
from drills.config.metrics import MetricsConfig
from drills.config.notices import NoticesConfig
from drills.config.profiles import KINDS, PROFILES, Profile
from drills.config.table import Table
from drills.config.target import DrillTable, Target
from drills.config.values import did_you_mean, one_of, show_key, show_value, unknown_key
from drills.errors import ConfigError
from drills.model.instance import OTHERS
from drills.redaction import looks_secret

DEFAULT_FILE = "drill.toml"
BUILT_IN_TARGET = {"instance": "myappdbprod", "vault": "drills-vault", "rto": "30m", "rpo": "24h"}
EVIDENCE, METRICS, NOTICES = "evidence", "metrics", "notices"
# the tables whose keys a profile may have of its own, as [profiles.NAME.TABLE]
BY_PROFILE: Mapping[str, type[Table]] = {EVIDENCE: EvidenceConfig, METRICS: MetricsConfig, NOTICES: NoticesConfig}
_SECTIONS = ("drill", *BY_PROFILE, "profiles", "targets")
_NAMED = ("profiles", "targets")  # tables of tables

AnyTable = TypeVar("AnyTable", bound=Table)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration file as TOML, or an empty one when there is none; `name` is what a sentence calls it."""

    path: Path | None
    name: str
    raw: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path | None) -> ConfigFile:
        """Read the file; drill.toml of the working directory, if there is one, where `path` is None."""
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
        """Refuse a top-level key that is no section; the singular forms are named."""
        for key, value in self.raw.items():
            if key not in _SECTIONS:
                known = [f"[{section}.NAME]" if section in _NAMED else f"[{section}]" for section in _SECTIONS]
                error = unknown_key(key, _SECTIONS) if looks_secret(key) else None
                hint = did_you_mean(key, _SECTIONS)
                text = error.message() if error else f"unknown key{hint}; allowed at the top are {', '.join(known)}"
                raise ConfigError(f"{self.name}: {show_key(key)}: {text}")
            if not isinstance(value, dict):
                raise ConfigError(f"{self.name}: {show_key(key)}: expected a table, found {show_value(value)}")

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
                    f"{self.name}: {dotted_key(section, name)}: expected a table [{section}.NAME], found {show_value(raw)}"
                )
            yield name, raw

    def drill(self) -> DrillTable:
        """Return the table [drill], validated."""
        return self.table(DrillTable, "drill", self.section("drill"))

    def evidence(self) -> dict[str, EvidenceConfig]:
        """Return the table [evidence] by profile: the keys of [profiles.NAME.evidence] go before those of all profiles."""
        return self._by_profile(EvidenceConfig, EVIDENCE)

    def metrics(self) -> dict[str, MetricsConfig]:
        """Return the table [metrics] by profile, as `evidence` does."""
        return self._by_profile(MetricsConfig, METRICS)

    def notices(self) -> dict[str, NoticesConfig]:
        """Return the table [notices] by profile, as `evidence` does."""
        return self._by_profile(NoticesConfig, NOTICES)

    def _by_profile(self, model: type[AnyTable], table: str) -> dict[str, AnyTable]:
        for_all = self.table(model, table, self.section(table))
        own = {name: self.table(model, *self.raw_table(table, name)) for name, _ in self.named("profiles")}
        return dict.fromkeys((kind for kind in PROFILES if kind not in own), for_all) | own

    def raw_table(self, table: str, profile: str) -> tuple[str, Mapping[str, Any]]:
        """Return where a profile's table of BY_PROFILE is, and its keys as the file has them."""
        own = dict(self.named("profiles")).get(profile, {}).get(table)
        if own is None:
            return table, self.section(table)
        where = dotted_key("profiles", profile, table)
        if not isinstance(own, dict):
            raise ConfigError(f"{self.name}: {where}: expected a table, found {show_value(own)}")
        return where, {**self.section(table), **own}

    def profiles(self) -> dict[str, Profile]:
        """Return every profile by name, with the three built-in ones where the file has none of that name."""
        own = {name: self.profile(name, raw) for name, raw in self.named("profiles")}
        return {kind: model() for kind, model in PROFILES.items() if kind not in own} | own

    def targets(self) -> dict[str, Target]:
        """Return every target by name; the built-in one where the file has none."""
        raw_targets = dict(self.named("targets")) or {BUILT_IN_TARGET["instance"]: BUILT_IN_TARGET}
        return {name: self.target(name, raw) for name, raw in raw_targets.items()}

    def profile(self, name: str, raw: Mapping[str, Any]) -> Profile:
        """Return the profile of that name; `kind` may be left out where the name is one of the three kinds."""
        where = dotted_key("profiles", name)
        kind = raw.get("kind", name if name in KINDS else None)
        if kind is None:
            raise ConfigError(f"{self.name}: {where}.kind: expected {one_of(KINDS)}, found nothing")
        if kind not in KINDS:
            hint = did_you_mean(kind, KINDS) if isinstance(kind, str) else ""
            raise ConfigError(f"{self.name}: {where}.kind: expected {one_of(KINDS)}, found {show_value(kind)}{hint}")
        return self.table(PROFILES[kind], where, {key: value for key, value in raw.items() if key not in BY_PROFILE})

    def target(self, name: str, raw: Mapping[str, Any]) -> Target:
        """Return the target of that name; its instance is called the same unless the file says otherwise."""
        others = {"cluster", *(kind.key for kind in OTHERS.values())}
        named = {} if others & raw.keys() else {"instance": name}
        return self.table(Target, dotted_key("targets", name), named | dict(raw))

    def table(self, model: type[AnyTable], where: str, raw: Mapping[str, Any]) -> AnyTable:
        """Validate one table."""
        base = self.path.parent if self.path else Path()
        return validate_table(model, raw, base, f"{self.name}: ", where)


def _toml_sentence(error: tomllib.TOMLDecodeError, text: str) -> str:
    """Return the line number and the parser's message, whose own text ends in "(at line 3, column 5)"."""
    message = str(error)
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    line = int(place[1]) if place and place[1] else text.count("\n") + 1
    reason = message[: place.start()] if place else message
    return f"line {line}: expected TOML, found: {reason[:1].lower()}{reason[1:]}"


def validate_table(model: type[AnyTable], raw: Mapping[str, Any], base: Path, label: str, where: str) -> AnyTable:
    """Return the table as its model; ConfigError with the first error. Relative paths count from `base`."""
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
    key = dotted_key(where, *loc)
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


def dotted_key(*parts: str | int) -> str:
    """Return a key as TOML would write it: a."b.c"[1].d; the first part may be dotted already."""
    text = show_key(str(parts[0]), 200)
    for part in parts[1:]:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part == "[key]":  # pydantic's word for "the key itself", which the path already ends in
            continue
        else:
            text += f".{show_key(part)}" if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'."{show_key(part)}"'
    return text
