"""Which controls a run supports, by reports/controls.toml and the run record alone. Pure.

A run supports a control or it does not; whether an organization meets one is for its auditor to say. A check that did not
run never counts for a control, and a simulated, partial, interrupted or unsealed run supports none. A control that asks for a
test is supported by a drill that ran to its end and failed, as evidence of testing and not of recoverability; one that asks
for a result is not. docs/controls.md says how to read it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from drills import errors
from drills.errors import ConfigError
from drills.history.line import why_not_counted
from drills.model.record import RunRecord
from reports.audit.facts import CONDITIONS, Condition, condition

FILE = Path(__file__).with_name("controls.toml")
SIMULATED = "simulated: says nothing about recovery on AWS"
NOT_VERIFIED = "paraphrase not verified against the original"
FAILED_TEST = "supports, as a test that was carried out and failed; it does not show that the database can be recovered"
SHOWN = 3  # conditions in a sentence of a supported row; all of them are in the record

Degree = Literal["full", "part", "supporting"]


@dataclass(frozen=True, slots=True)
class NotEvidenced:
    """Something that no automated drill evidences. `slot`: the field of the record's `plan` that refers to it, "" for none."""

    what: str
    slot: str = ""


NOT_EVIDENCED = (
    NotEvidenced("decision-making and tabletop exercises", "tabletop"),
    NotEvidenced("call trees, notification and crisis communication"),
    NotEvidenced("the absence of key people, and work from an alternate site"),
    NotEvidenced("management review", "reviewer"),
    NotEvidenced("sign-off", "approver"),
    NotEvidenced("root causes and corrective action", "tickets"),
    NotEvidenced("revision of the recovery plan", "version"),
    NotEvidenced("the business impact analysis", "business_impact"),
    NotEvidenced("the choice of objectives, by their owner", "objectives_owner"),
    NotEvidenced("the approval of the objectives", "objectives_approved"),
    NotEvidenced("exit from a third party or provider"),
    NotEvidenced("applications other than the database, and physical media"),
)
NOT_SUPPLIED = "not supplied"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _tuple(raw: object) -> object:
    return tuple(raw) if isinstance(raw, list) else raw


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := [name for name in names if name not in CONDITIONS]:
        raise ValueError(f'"{unknown[0]}" is no condition; there are {", ".join(sorted(CONDITIONS))}')
    return names


Text = Annotated[str, Field(min_length=1)]
Conditions = Annotated[tuple[Text, ...], BeforeValidator(_tuple), Field(default=())]


class Control(_Table):
    """A control as reports/controls.toml has it; the comment at the head of that file explains the keys."""

    id: Text
    asks: Text
    degree: Degree
    covers: Text
    ran: Conditions
    met: Conditions
    source: Annotated[str, Field(pattern=r"^https?://\S+$")]
    oscal: Annotated[str, Field(pattern=r"^[a-z]{2}-[0-9]+(\.[0-9]+)?$")] | None = None
    checked: date | None = None

    @model_validator(mode="after")
    def _rests_on_something(self) -> Control:
        if not self.ran and not self.met:
            raise ValueError(f"{self.id}: expected conditions in `ran` or `met`, found none")
        _known((*self.ran, *self.met))
        return self

    @property
    def checked_words(self) -> str:
        """When the paraphrase was read against its source, or that it was not."""
        return f"paraphrase read against its source on {self.checked}" if self.checked else NOT_VERIFIED


class Framework(_Table):
    """A framework with its controls. `retention` is how long evidence for it is kept, a hint."""

    id: Text
    name: Text
    retention: Text
    controls: Annotated[tuple[Control, ...], BeforeValidator(_tuple), Field(alias="control", min_length=1)]


class Unsupported(_Table):
    """A control that looks as if a drill supported it, and why it does not."""

    framework: Text
    id: Text
    why: Text


class ControlMapping(_Table):
    """All of reports/controls.toml."""

    frameworks: Annotated[tuple[Framework, ...], BeforeValidator(_tuple), Field(alias="framework", min_length=1)]
    unsupported: Annotated[tuple[Unsupported, ...], BeforeValidator(_tuple), Field(default=())]

    @model_validator(mode="after")
    def _once(self) -> ControlMapping:
        names = [each.id for each in self.frameworks]
        ids = [(framework.id, each.id) for framework in self.frameworks for each in framework.controls]
        ids += [(each.framework, each.id) for each in self.unsupported]
        twice = [str(each) for each in ids if ids.count(each) > 1] + [each for each in names if names.count(each) > 1]
        if twice:
            raise ValueError(f"{twice[0]} stands there twice")
        if lost := [each.framework for each in self.unsupported if each.framework not in names]:
            raise ValueError(f'"{lost[0]}" is no framework; there are {", ".join(names)}')
        return self


@dataclass(frozen=True, slots=True)
class ControlRow:
    """A control beside one run.

    `supported`: the run is evidence for it, to its `degree` and for what it `covers`; `sentence` says by what, or why not.
    `failed`: a condition of it was missed. Then the run supports it as a test that was carried out, or where it asks for
    a result, speaks against it. `oscal` is the control's id in NIST's catalog, "" where it is in none.
    """

    framework_id: str
    framework: str
    control: str
    asks: str
    degree: Degree
    covers: str
    supported: bool
    failed: bool
    sentence: str
    source: str
    checked: str
    retention: str
    oscal: str = ""


def read(text: str, name: str = "controls.toml") -> ControlMapping:
    """Read a mapping of controls. Raises ConfigError, one sentence that names what is wrong."""
    try:
        return ControlMapping.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{name}: {where + ': ' if where else ''}{first['msg']}") from error


@cache
def mapping() -> ControlMapping:
    """Return the mapping that this project ships."""
    return read(FILE.read_text(encoding="utf-8"), str(FILE))


def all_controls() -> tuple[Control, ...]:
    """Return every control of the mapping, in the order of the file."""
    return tuple(each for framework in mapping().frameworks for each in framework.controls)


def of(record: RunRecord) -> tuple[ControlRow, ...]:
    """Return every control of the mapping beside the run, in the order of the file."""
    nothing = why_nothing(record)
    return tuple(
        _row(record, framework, each, nothing) for framework in mapping().frameworks for each in framework.controls
    )


def why_nothing(record: RunRecord) -> str:
    """Return why the run supports no control at all, "" for one that may."""
    if record.simulated:
        return SIMULATED
    if left_out := why_not_counted(record):
        return f"this run is no drill: {left_out}"
    if record.code is None:
        return "this run has no verdict: it has not ended"
    if errors.NOT_SEALED in record.all_codes:
        return "the evidence of this run was not sealed, so that nobody else can check it"
    if record.code in (errors.COULD_NOT_RUN, errors.USAGE):
        return "this run could not run or could not verify: nothing was tested to its end"
    return ""


def not_evidenced(record: RunRecord) -> tuple[tuple[str, str], ...]:
    """Return what no drill evidences, each with what the owner's plan says of it: "not supplied" where it says nothing."""
    return tuple((each.what, _supplied(record, each.slot)) for each in NOT_EVIDENCED)


def _supplied(record: RunRecord, slot: str) -> str:
    if not slot:
        return "not by this suite"
    value = getattr(record.plan, slot)
    return (value if isinstance(value, str) else ", ".join(value)) or NOT_SUPPLIED


def _row(record: RunRecord, framework: Framework, control: Control, nothing: str) -> ControlRow:
    supported, failed, sentence = (False, False, nothing) if nothing else _judge(record, control)
    return ControlRow(
        framework_id=framework.id,
        framework=framework.name,
        control=control.id,
        asks=control.asks,
        degree=control.degree,
        covers=control.covers,
        supported=supported,
        failed=failed,
        sentence=sentence,
        source=control.source,
        checked=control.checked_words,
        retention=framework.retention,
        oscal=control.oscal or "",
    )


def _judge(record: RunRecord, control: Control) -> tuple[bool, bool, str]:
    """Return whether the run supports the control, whether a condition was missed, and the sentence."""
    ran = [condition(record, name) for name in control.ran]
    met = [condition(record, name) for name in control.met]
    if absent := [each for each in (*ran, *met) if not each.judged]:
        return False, False, f"not supported by this run: {_sentences(absent)}"
    if against := [each for each in met if each.outcome == "missed"]:
        return False, True, f"not supported: this run speaks against it: {_sentences(against)}"
    different = _differences(record)
    if not ran and different:
        return False, True, f"not supported: the verification of this run failed: {_sentences(different)}"
    if not ran and errors.COULD_NOT_RUN in record.all_codes:
        return False, False, "not supported by this run: something that must be verified was not"
    if missed := [each for each in ran if each.outcome == "missed"] or different:
        return True, True, f"{FAILED_TEST}: {_sentences(missed)}"
    return True, False, f"supports: {_sentences((*ran, *met))}"


def _differences(record: RunRecord) -> list[Condition]:
    """Return the verdicts by which the verification as a whole failed: a test that found them did not pass in any part."""
    return [
        Condition(each.name, "missed", f"{each.name}: {each.sentence}")
        for each in record.verdicts
        if each.outcome == "missed" and each.exit_code == errors.VERIFICATION_FAILED
    ]


def _sentences(conditions: Sequence[Condition]) -> str:
    told = "; ".join(dict.fromkeys(each.sentence for each in conditions[:SHOWN]))
    more = len(conditions) - SHOWN
    return f"{told}; and {more} more" if more > 0 else told
