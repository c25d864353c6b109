"""A run as OSCAL assessment results, version 1.2.1 (https://pages.nist.gov/OSCAL/concepts/layer/assessment/assessment-results/).

Every verdict is an observation with the method TEST, and so is every control that the run supports or speaks against. A finding,
"satisfied" or "not-satisfied", is made for a control of SP 800-53 alone whose row is of the degree full, in a run on AWS: other
frameworks have no ids in NIST's catalog that a finding could name, and a simulated run finds nothing. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from drills.model.finding import Verdict
from drills.model.record import RunRecord
from reports import controls, words
from reports.controls import ControlRow
from reports.export.names import NAMESPACE, identifier, one_line
from reports.view.whom import aws_caller, by_whom

VERSION = "1.2.1"
INITIATOR = "initiator"  # a role of ours: OSCAL leaves their names free
NO_PLAN = (
    "There is no OSCAL assessment plan: what was expected of the run stands in its start record and its configuration, and "
    "which control rests on what in reports/controls.toml of the suite."
)


def render(record: RunRecord, digests: Mapping[str, str]) -> str:
    """Return the document as JSON. `digests` are the SHA-256 of the run's files, in hexadecimal, by relative path."""
    document = {"assessment-results": _document(record, digests)}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _document(record: RunRecord, digests: Mapping[str, str]) -> dict[str, Any]:
    return {
        "uuid": identifier(record.run_id, "assessment results"),
        "metadata": {
            "title": one_line(words.title(record)),
            "last-modified": _instant(record.ended_at or record.started_at),
            "version": one_line(record.run_id),
            "oscal-version": VERSION,
            "props": _props({"tool-version": record.tool_version, "commit": record.commit}),
            **_initiator(record),
        },
        "import-ap": {"href": f"#{identifier(record.run_id, 'plan')}"},
        "results": [_result(record)],
        "back-matter": {"resources": [_plan(record, digests), _record(record, digests)]},
    }


def _initiator(record: RunRecord) -> dict[str, Any]:
    """Return by whom the run was carried out, as a party with a role of its own; nothing where that is not recorded."""
    who = record.initiator
    known = {
        "aws-arn": aws_caller(record),
        "user": who.user,
        "host": who.host,
        "ci-actor": who.actor,
        "ci-job": who.job,
    }
    known = {name: value for name, value in known.items() if value}
    if not known:
        return {}
    party = identifier(record.run_id, "initiator")
    return {
        "roles": [{"id": INITIATOR, "title": "By whom the run was carried out"}],
        "parties": [
            {
                "uuid": party,
                "type": "person",
                "name": one_line(known.get("aws-arn") or who.actor or who.user or who.host or who.job),
                "props": _props(known),
                "remarks": one_line(by_whom(record)),
            }
        ],
        "responsible-parties": [{"role-id": INITIATOR, "party-uuids": [party]}],
    }


def _result(record: RunRecord) -> dict[str, Any]:
    rows = [each for each in controls.of(record) if each.supported or each.failed]
    stamps = words.stamps(record)
    result = {
        "uuid": identifier(record.run_id, "result"),
        "title": one_line("; ".join((*stamps, words.headline(record)))),
        "description": one_line("; ".join((*stamps, *words.exit_lines(record)))),
        "start": _instant(record.started_at),
        "end": _instant(record.ended_at or record.started_at),
        "props": _props(_facts(record)),
        "reviewed-controls": _reviewed(rows),
        "observations": [
            *(_of_verdict(record, each) for each in record.verdicts),
            *(_of_row(record, each) for each in rows),
        ],
        "findings": [_finding(record, each) for each in rows if each.oscal and each.degree == "full"],
        "remarks": "What no automated drill evidences: "
        + "; ".join(each.what for each in controls.NOT_EVIDENCED)
        + ".",
    }
    return {name: value for name, value in result.items() if value}


def _facts(record: RunRecord) -> dict[str, str]:
    point = next((each.point for each in record.restorations if each.purpose == "recovery"), None)
    evidence = record.evidence
    return {
        "run": record.run_id,
        "simulated": "true" if record.simulated else "false",
        "trigger": record.trigger,
        "target": record.target.name if record.target else "",
        "recovery-point": point.arn if point else "",
        "exit-codes": ", ".join(str(each) for each in record.all_codes),
        "evidence": f"{evidence.chain}/{evidence.sequence:04d}" if evidence else "",
        "level": evidence.level if evidence else "",
    }


def _props(facts: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "ns": NAMESPACE, "value": one_line(value)} for name, value in facts.items() if value.strip()]


def _reviewed(rows: Sequence[ControlRow]) -> dict[str, Any]:
    """Return the controls that the run is evidence about; where there is none, those that it was looked at for."""
    said = "The run supports these, or speaks against them: see the observations."
    ids = {each.oscal for each in rows if each.oscal}
    if not ids:
        said = "The run was looked at for these, and is evidence for none of them."
        ids = {each.oscal for each in controls.all_controls() if each.oscal}
    chosen = [{"control-id": each} for each in sorted(ids)]
    return {"control-selections": [{"description": said, "include-controls": chosen}]}


def _of_verdict(record: RunRecord, verdict: Verdict) -> dict[str, Any]:
    return {
        "uuid": identifier(record.run_id, "verdict", verdict.name),
        "title": one_line(f"{verdict.name}: {verdict.outcome}"),
        "description": one_line(verdict.sentence),
        "props": _props({"verdict": verdict.name, "outcome": verdict.outcome, "requirement": verdict.requirement}),
        **_how(record, "finding" if verdict.outcome == "missed" else "discovery"),
    }


def _of_row(record: RunRecord, row: ControlRow) -> dict[str, Any]:
    return {
        "uuid": identifier(record.run_id, "control", row.framework_id, row.control),
        "title": one_line(f"{row.framework}, {row.control} ({row.degree}): {row.covers}"),
        "description": one_line(row.sentence),
        "props": _props(
            {
                "framework": row.framework_id,
                "control": row.control,
                "degree": row.degree,
                "supports": "true" if row.supported else "false",
                "test-failed": "true" if row.failed else "false",
                "paraphrase": row.checked,
            }
        ),
        **_how(record, "control-objective"),
    }


def _how(record: RunRecord, kind: str) -> dict[str, Any]:
    return {
        "methods": ["TEST"],
        "types": [kind],
        "relevant-evidence": [
            {"href": f"#{identifier(record.run_id, 'record')}", "description": "The run record of the drill."}
        ],
        "collected": _instant(record.ended_at or record.started_at),
    }


def _finding(record: RunRecord, row: ControlRow) -> dict[str, Any]:
    state = "not-satisfied" if row.failed or not row.supported else "satisfied"
    return {
        "uuid": identifier(record.run_id, "finding", row.oscal),
        "title": one_line(f"{row.control}: {row.covers}"),
        "description": one_line(row.sentence),
        "target": {
            "type": "objective-id",
            "target-id": f"{row.oscal}_obj",
            "description": one_line(f"Of this run alone, and for {row.covers} alone."),
            "status": {"state": state},
        },
        "related-observations": [
            {"observation-uuid": identifier(record.run_id, "control", row.framework_id, row.control)}
        ],
    }


def _plan(record: RunRecord, digests: Mapping[str, str]) -> dict[str, Any]:
    links = [_link(name, digests) for name in ("config.json",) if name in digests]
    resource = {
        "uuid": identifier(record.run_id, "plan"),
        "title": "What was expected of the run",
        "description": NO_PLAN,
    }
    return resource | ({"rlinks": links} if links else {})


def _record(record: RunRecord, digests: Mapping[str, str]) -> dict[str, Any]:
    links = [_link(name, digests) for name in sorted(digests) if name != "config.json"]
    resource = {"uuid": identifier(record.run_id, "record"), "title": "The run record, and what it was made with"}
    return resource | ({"rlinks": links} if links else {})


def _link(name: str, digests: Mapping[str, str]) -> dict[str, Any]:
    return {"href": f"../{name}", "hashes": [{"algorithm": "SHA-256", "value": digests[name]}]}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
