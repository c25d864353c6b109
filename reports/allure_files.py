"""The files beside Allure's results that say where, by whom and in which sorts: environment, executor, categories."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drills.files import write_atomically
from drills.model.record import RunRecord
from drills.printable import printable
from drills.redaction import redact
from reports import allure_trend, outcomes, reasons, recovery_words, words
from reports.view import answers
from reports.view.first_page import sealing

# Matched against the message of a result, in this order; the messages are the sentences of drills/objectives/verdicts.py, of the
# findings and of drills/errors.py. Allure 3 searches with them, as JavaScript's; Allure 2 matches the whole message, as
# Java's: hence ".*" at both ends, and no "(?i)", which JavaScript has not.
CATEGORIES: tuple[dict[str, Any], ...] = (
    {
        "name": "Not verified",
        "matchedStatuses": ["failed", "broken", "skipped"],
        "messageRegex": ".*(not verified|not measured|not be verified|CheckUnavailable).*",
    },
    {
        "name": "Objective missed",
        "matchedStatuses": ["failed", "broken"],
        "messageRegex": f".*({outcomes.OBJECTIVE_MISSED}).*",
    },
    {"name": "Could not run", "matchedStatuses": ["broken"]},
    {"name": "Verification failed", "matchedStatuses": ["failed"]},
    {"name": "Precondition absent", "matchedStatuses": ["skipped"]},
)


REASONS_SHOWN = 10
REASONS_FIRST = 1  # before the objectives: Allure shows the first eight rows, and folds the rest


def write(folder: Path, record: RunRecord) -> None:
    """Write environment.properties, executor.json, categories.json, timeline and trend into the folder of Allure's results."""
    write_atomically(folder / "environment.properties", environment_properties(record))
    write_atomically(folder / "executor.json", _json(executor(record, os.environ)))
    write_atomically(folder / "categories.json", _json(list(CATEGORIES)))
    allure_trend.write_timeline(folder, record)
    if record.history is not None:
        allure_trend.write(folder, record.history)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


def environment_properties(record: RunRecord) -> str:
    """The run's facts, settings and environment in the format of Java's properties, which Allure reads."""
    rows = dict(words.facts(record)) | dict(answers.answers(record))
    rows |= {f"setting {each.name}": f"{each.value} (from {each.origin})" for each in record.settings}
    rows |= {each.name: each.value for each in record.environment}
    found = words.recovery(record)
    if found and found.point:
        rows["recovery point"] = found.point.arn
    rows |= {
        each.name: words.seconds_or(each.seconds) for each in record.measurements if each.name not in ("RTA", "RPA")
    }
    rows["RTO clock"] = "; ".join(recovery_words.beside_rta(record))
    why = [(f"reason {number}", each) for number, each in enumerate(reasons.reasons(record)[:REASONS_SHOWN], 1)]
    first = {"verdict": reasons.headline(record)} | dict(why[:REASONS_FIRST]) | _objectives(record)
    first["evidence level"] = dict(sealing(record))["evidence level"]
    if risk := words.schedule_risk(record):
        first["RPO"] = risk
    if stamps := words.stamps(record):
        first["note"] = "; ".join(stamps)
    rows = first | dict(why[REASONS_FIRST:]) | rows
    return "".join(f"{_key(name)}={_value(value)}\n" for name, value in rows.items())


def _objectives(record: RunRecord) -> dict[str, str]:
    """Each objective's actual with its verdict; the verdict first, since Allure cuts a long value at its end."""
    return {
        each.actual_name: f"{each.judgement}: {each.measured} against {each.objective_name} {each.promised}"
        for each in words.objective_views(record)
    }


def _key(name: str) -> str:
    """Allure shows a key as it is and cuts it at the first "=" or ":"; blanks would end a key."""
    return "_".join(name.replace("=", " ").replace(":", " ").split())


def _value(text: str) -> str:
    return printable(redact(" ".join(text.split()))).replace("\\", "\\\\")


def executor(record: RunRecord, environ: Mapping[str, str]) -> dict[str, Any]:
    """Who ran it: GitHub Actions, GitLab CI or a person at a machine.

    Reads GITHUB_ACTIONS, GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID, GITHUB_RUN_NUMBER, GITHUB_WORKFLOW;
    GITLAB_CI, CI_JOB_URL, CI_JOB_NAME, CI_PIPELINE_IID, CI_PIPELINE_URL.
    """
    told: dict[str, Any] = {"reportName": "; ".join((words.title(record), *map(_short, words.stamps(record))))}
    if environ.get("GITHUB_ACTIONS"):
        server, repository = environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_REPOSITORY", "")
        told |= {
            "name": "GitHub Actions",
            "type": "github",
            "buildName": f"{environ.get('GITHUB_WORKFLOW', 'workflow')} #{environ.get('GITHUB_RUN_NUMBER', '')}",
            "buildOrder": _number(environ.get("GITHUB_RUN_NUMBER")),
            "buildUrl": f"{server}/{repository}/actions/runs/{environ.get('GITHUB_RUN_ID', '')}",
        }
    elif environ.get("GITLAB_CI"):
        told |= {
            "name": "GitLab CI",
            "type": "gitlab",
            "buildName": f"{environ.get('CI_JOB_NAME', 'job')} #{environ.get('CI_PIPELINE_IID', '')}",
            "buildOrder": _number(environ.get("CI_PIPELINE_IID")),
            "buildUrl": environ.get("CI_JOB_URL") or environ.get("CI_PIPELINE_URL", ""),
        }
    else:
        told |= {"name": "drills", "type": "local", "buildName": record.run_id}
    return {name: value for name, value in told.items() if value not in ("", None)}


def _short(stamp: str) -> str:
    """A stamp for the title, which has room for little: that of a simulated run is whole, the others say what they are."""
    return stamp if stamp == words.SIMULATED else stamp.partition(":")[0]


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
