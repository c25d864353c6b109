"""What somebody sees of the restore of an incident: where the copy is once it is there, and at the end what is known of it."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo
from rich.console import Console

from drills.aws.databases.kinds import CLUSTER, INSTANCE, Kind
from drills.config.load import Config
from drills.incident.restore import Stage
from drills.model.finding import CheckResult
from drills.model.instance import COPIES
from drills.model.record import RunRecord
from drills.record import Journal
from drills.recovery.setup import Setup
from reports import reasons, words
from reports.terminal import REPORT_FILES

DEFAULT_DATABASE = "postgres"
LABEL = 16  # characters before what is said
_COMMANDS = ("aws ", "psql ", "drills restore ", "reports/")  # what is copied is not broken
_PASSWORD = "| python3 -c 'import json, sys; print(json.load(sys.stdin)[\"password\"])'"
_SINGLE = (
    "one zone, no backups of its own, no protection from deletion: docs/incident.md, before it serves anybody for long"
)
_SINGLE_CLUSTER = (
    "one instance, backups of a day, no protection from deletion: docs/incident.md, before it serves anybody for long"
)


class Told:
    """Tells on a console what is known at each stage of a restore; `setup` is there once it has begun."""

    setup: Setup | None = None

    def __init__(self, journal: Journal, console: Console, config: Config) -> None:
        self._journal = journal
        self._console = console
        self._config = config

    def stage(self, stage: Stage) -> None:
        """Tell what a stage has brought."""
        record = self._journal.record
        match stage:
            case "chosen":
                self._say(f"restoring {point_line(record)}")
            case "handed over":
                self._say("", "THE COPY IS UP; what is in it is being looked at:", style="bold green")
                self._say(*access_lines(record, self._bundle(), _region(record), self._named()), "")
            case "usable":
                self._say(*usable_lines(record))

    def end(self, record: RunRecord, undone: Sequence[str] = ()) -> None:
        """Tell what came of it, what could not be written or sent, where the reports are, and the exit code."""
        self._say("")
        stays = record.incident is not None and record.incident.stays
        self._say(headline(record), style="bold green" if stays and record.code == 0 else "bold red")
        self._say(*words.stamps(record), style="bold yellow")
        if stays:
            self._say("", *access_lines(record, self._bundle(), _region(record), self._named()))
        self._say(*kept_lines(record, self._config), "", *checked_lines(record))
        self._say(*(f"note: {each}" for each in record.notes), style="dim")
        self._say(*undone, style="yellow")
        folder = self._journal.folder
        self._say("", *(words.show_path(folder / name) for name in REPORT_FILES if (folder / name).exists()))
        self._say(*(f"exit code {line}" for line in words.exit_lines(record)))

    def _bundle(self) -> str:
        return str(self.setup.ca_bundle) if self.setup and self.setup.ca_bundle else "system"

    def _named(self) -> tuple[str, ...]:
        return tuple(self._config.target.databases)

    def _say(self, *lines: str, style: str | None = None) -> None:
        width = self._console.width if self._console.is_terminal else 0
        for line in (each for whole in lines for each in wrapped(whole, width)):
            self._console.print(line, style=style, soft_wrap=True, markup=False, highlight=False)


def wrapped(line: str, width: int) -> list[str]:
    """Return a line as lines of so many characters at most, broken at words; whole where it has a command, or width is 0. Pure."""
    if not width or len(line) <= width or any(each in line for each in _COMMANDS):
        return [line]
    indent = " " * LABEL if line.startswith("  ") else ""
    return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def headline(record: RunRecord) -> str:
    """What came of the restore, in one sentence. Pure."""
    incident = record.incident
    if incident is None or not incident.stays:
        kept = any(each.state == "kept" for each in record.resources)
        if record.interrupted_by and not kept:
            return (
                f"NOT RESTORED: {record.interrupted_by} ended it before there was a copy, and what was made is removed"
            )
        missed = [each.sentence for each in record.verdicts if each.outcome == "missed"]
        why = (
            missed
            or [each.sentence for each in record.failures]
            or reasons.reasons(record)
            or [reasons.headline(record)]
        )
        return f"{'NOT UP YET' if kept else 'NOT RESTORED'}: {why[0]}"
    differing = [each.name for each in words.recovery_checks(record) if each.outcome == "missed"]
    unknown = [each.name for each in record.unverified]
    if differing:
        return f"RESTORED, and it DIFFERS from what it should be: {', '.join(differing)}"
    if record.interrupted_by:
        return f"RESTORED; {record.interrupted_by} ended the checks, so that not all of it is verified"
    if unknown or record.failures:
        return f"RESTORED, and NOT ALL OF IT IS VERIFIED: {', '.join(unknown) or 'see below'}"
    return "RESTORED, and verified as a drill verifies it"


def point_line(record: RunRecord) -> str:
    """Which point is restored, and how far its data reach. Pure."""
    found = words.recovery(record)
    point = found.point if found else None
    what = "" if point is None else "the automated backup, " if point.kind == "continuous" else f"{point.snapshot_id}, "
    return what + (record.incident.reaches if record.incident else "")


def access_lines(record: RunRecord, bundle: str, region: str, named: Sequence[str] = ()) -> list[str]:
    """Where the copy is and how to log in; the password is where the secret says, and never here. Pure.

    The databases are those that the record has, else the target's, `named`. Of several the first that drill.toml names is entered.
    """
    found, incident = words.recovery(record), record.incident
    if found is None or incident is None:
        return []
    read = f"aws secretsmanager get-secret-value --secret-id {incident.secret} --region {region}"
    databases = tuple((record.target and record.target.databases) or named)
    login = make_conninfo(
        "", host=found.host, port=found.port, user=incident.username, dbname=_entered(databases, named)
    )
    return [
        _row(_kind(record).name, found.instance_id),
        _row("endpoint", f"{found.host}:{found.port}"),
        _row("databases", ", ".join(databases) or "not known yet: \\l in psql lists them"),
        _row("user", incident.username),
        _row("password", f"Secrets Manager, {incident.secret}"),
        _row("reached by", f"what {', '.join(incident.reached_by) or 'its security group'} admits"),
        _row("log in", f"export PGPASSWORD=$({read} --query SecretString --output text {_PASSWORD})"),
        _row("", f"psql {shlex.quote(f'{login} sslmode=verify-full sslrootcert={bundle}')}"),
    ]


def _entered(databases: Sequence[str], named: Sequence[str]) -> str:
    """Return the database that a login enters: one of the owner's, or the server's own where it is not clear which is meant."""
    own = [each for each in databases if each != DEFAULT_DATABASE]
    meant = [each for each in named if each in own] or (own if len(own) == 1 else [])
    return meant[0] if meant else DEFAULT_DATABASE


def _row(name: str, value: str) -> str:
    return f"  {name:<{LABEL - 2}}{value}"


def usable_lines(record: RunRecord) -> list[str]:
    """How the checks ended that a drill calls blocking. Pure."""
    found = words.recovery(record)
    ended: dict[str, list[str]] = {}
    for each in found.checks if found else ():
        if each.outcome == "met" or each.requirement == "required":
            ended.setdefault(each.outcome, []).append(each.name)
    named = {"missed": "DIFFERS", "not verified": "not known", "met": "holds"}
    databases = record.target.databases if record.target else ()
    told = "; ".join(f"{word}: {', '.join(ended[outcome])}" for outcome, word in named.items() if outcome in ended)
    return [
        f"it answers queries; {told}; the content is compared next, and the copy can be used meanwhile",
        *([_row("databases", ", ".join(databases))] if databases else []),
    ]


def kept_lines(record: RunRecord, config: Config) -> Iterator[str]:
    """Until when the copy stays, what it costs, and what to type. Pure."""
    incident, run = record.incident, record.run_id
    if incident is None or incident.kept_until is None:
        for each in record.resources:
            if each.is_left:
                yield _row("still there", f"{each.kind} {each.id}: {each.note}")
        return
    given, found = _options(config), words.recovery(record)
    until = f"{incident.kept_until:%Y-%m-%d %H:%M:%S} UTC"
    yield _row("kept until", f"{until}; from then on drills sweep may remove it, and not before")
    yield _row("longer", f"drills restore extend {run} --keep 8h{given}")
    yield _row("remove now", f"drills restore end {run}{given}")
    if incident.hour:
        yield _row("an hour of it", incident.hour)
    kind = _kind(record)
    yield _row("it has", _SINGLE_CLUSTER if kind is CLUSTER else _SINGLE)
    named = f"--db-{kind.name}-identifier {found.instance_id if found else ''} --region {_region(record)}"
    modify = f"aws rds modify-db-{kind.name} {named} --apply-immediately"
    if incident.stays:
        yield _row("let others in", f"{modify} --vpc-security-group-ids sg-…")
        return
    if kind is CLUSTER and not any(each.kind == "db-instance" and each.state != "gone" for each in record.resources):
        make = (
            f"aws rds create-db-instance {named} --db-instance-identifier {found.instance_id if found else ''}-writer"
        )
        yield _row("no instance", f"once it is available: {make} --db-instance-class … --engine {kind.engine}")
    yield _row("no password", f"once it is available: {modify} --manage-master-user-password")


def checked_lines(record: RunRecord) -> Iterator[str]:
    """What was verified, what differs, and what was not verified with its reason. Pure."""
    found = words.recovery(record)
    if found is not None and found.point is not None and record.incident and record.incident.stays:
        yield _row("restored", point_line(record))
        measured = next((each for each in record.measurements if each.name == "RPA" and each.seconds is not None), None)
        if measured:
            yield _row("", f"by what is in them: {measured.sentence}")
        met = [each.name for each in found.checks if each.outcome == "met"]
        if met:
            yield _row("verified", ", ".join(met))
        for outcome in ("missed", "not verified"):
            for each in found.checks:
                if each.outcome == outcome:
                    yield _row(_word(each), f"{each.name}: {each.sentence}")
    for failure in record.failures:
        yield _row("failed", failure.sentence)


def _word(check: CheckResult) -> str:
    if check.outcome == "missed":
        return "DIFFERS"
    return "NOT KNOWN" if check.requirement == "required" else "not judged"


def _options(config: Config) -> str:
    elsewhere = config.file is not None and config.file.absolute() != Path("drill.toml").absolute()
    given = f" --config {shlex.quote(words.show_path(config.file))}" if elsewhere and config.file else ""
    return "".join([given, f" --profile {config.profile_name}", f" --target {config.target_name}"])


def _kind(record: RunRecord) -> Kind:
    return CLUSTER if any(each.kind == "db-cluster" for each in record.resources) else INSTANCE


def _region(record: RunRecord) -> str:
    copy = next((each for each in record.resources if each.kind in COPIES), None)
    return copy.region if copy else ""


def _instant(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None


def facts(record: RunRecord) -> dict[str, Any]:
    """What came of a restore, as JSON has it: `copy` is None where none stays. Pure."""
    found, incident = words.recovery(record), record.incident
    point = found.point if found else None
    checks = words.recovery_checks(record)
    copy = None
    if found and incident and incident.stays:
        copy = {
            _kind(record).name: found.instance_id,
            "host": found.host,
            "port": found.port,
            "databases": list(record.target.databases) if record.target else [],
            "user": incident.username,
            "secret": incident.secret,
            "region": _region(record),
            "security_groups": list(incident.reached_by),
            "kept_until": _instant(incident.kept_until),
            "price_of_an_hour": incident.hour,
        }
    return {
        "run": record.run_id,
        "simulated": record.simulated,
        "asked": incident.asked if incident else "",
        "copy": copy,
        "point": point.arn if point else None,
        "data_until": _instant(point.data_time) if point else None,
        "seconds": incident.seconds if incident else None,
        "verified": [each.name for each in checks if each.outcome == "met"],
        "differs": {each.name: each.sentence for each in checks if each.outcome == "missed"},
        "not_verified": {each.name: each.sentence for each in checks if each.outcome == "not verified"},
        "left": [f"{each.kind} {each.id}" for each in record.resources if each.is_left],
        "failures": [each.sentence for each in record.failures],
        "notes": list(record.notes),
        "code": record.code,
        "all_codes": list(record.all_codes),
    }
