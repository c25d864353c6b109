"""Writes docs/detection.md: fault by fault what this project found, and what the checks of others found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from tests.faults import peers, verdicts
from tests.faults.corpus import ELSEWHERE
from tests.faults.model import Case, Trial

OURS = "this project"
_SIGNS = {"found": "✔", "not found": "✘", "not applicable": "–"}
_INTRODUCTION = """# What is detected

Every fault of the corpus in `tests/faults/` was done to a copy of its own of one source database, and the copy was then
looked at by this project's checks, as a drill calls them, and by the checks that other tools do. `tox -e faults` does
it again and writes this file.

A fault counts only when something observable changed: the bytes of a file, the answer to a query, or whether the server
starts. It is *found* when a finding of an expected check names what was harmed; a finding that names something else
does not count. A copy that cannot be started is found by the restore, which says why.

✔ found · ✘ not found · – does not apply (no server to ask, no backup files to check, no restore that has an exit code)

| column | stands for |
| --- | --- |
| server starts | the copy starts and accepts connections: AWS Backup's restore testing without a validation of one's own |
| exit code | what psql, pg_restore or pg_combinebackup returned |
| row counts | `count(*)` of every table is at least the source's exact count: FireDrill's `rowCount`, well informed |
| one-column md5 | FireDrill's `checksum`: one column of the largest ordinary table, with the source's value expected |
| pg_dump | `pg_dump > /dev/null` ends with 0: pgbackrest_auto reads everything so |
| pg_amcheck | pgbackrest_auto's other check, with `--heapallindexed --parent-check --rootdescend` (`--checkunique` from 17) |
| pg_verifybackup | the files of the base backup against its backup manifest |
| pg_checksums | the page checksums of the copy after it was stopped |

The checks of others were done here by the same PostgreSQL programs and queries; the tools themselves were not run.
Logical faults are in the source before a physical backup is made, so that the backup's files are as they should be:
there the last two columns do not apply. A program that crashes has said nothing and counts neither way, as the
pg_verifybackup that comes with the bundled PostgreSQL 18. In the tables of harmless differences ✔ is a false alarm.
"""


@dataclass(frozen=True)
class Served:
    """What came of the corpus on one PostgreSQL; `excluded` are cases that it cannot have, with what is lacking.

    `broken` are those that could not be carried out, which is a mistake of the corpus.
    """

    version: str
    origin: str
    trials: list[Trial]
    excluded: list[tuple[Case, str]]
    broken: list[tuple[Case, str]]

    @property
    def faults(self) -> list[Trial]:
        """The trials of faults that changed something; others count neither way."""
        return [each for each in self.trials if not each.case.harmless and verdicts.is_material(each)]

    @property
    def immaterial(self) -> list[Trial]:
        """Faults that changed nothing: mistakes of the corpus."""
        return [each for each in self.trials if not each.case.harmless and each not in self.faults]

    @property
    def harmless(self) -> list[Trial]:
        """The trials of harmless differences."""
        return [each for each in self.trials if each.case.harmless]

    @property
    def missed(self) -> list[Trial]:
        """Faults that were not found."""
        return [each for each in self.faults if not verdicts.is_found(each)]

    @property
    def alarms(self) -> list[Trial]:
        """Harmless differences that gave a finding, or were left unverified."""
        return [each for each in self.harmless if verdicts.is_false_alarm(each)]


def document(served: Sequence[Served], on: date, machine: str) -> str:
    """The whole file."""
    parts = [_INTRODUCTION, f"Made on {on.isoformat()} on {machine}.\n", "## In short\n", _summary(served)]
    parts.extend(_section(each) for each in served)
    parts += ["\n## Not provoked\n", *[f"- {number}: {what}. Needs {need}." for number, what, need in ELSEWHERE]]
    return "\n".join(parts).rstrip() + "\n"


def totals(served: Served) -> dict[str, tuple[int, int]]:
    """How many faults each found, of how many that it could be asked about."""
    counted = {OURS: (len(served.faults) - len(served.missed), len(served.faults))}
    for peer in peers.PEERS:
        outcomes = [each.peers[peer].outcome for each in served.faults if peer in each.peers]
        counted[peer] = (outcomes.count("found"), len(outcomes) - outcomes.count("not applicable"))
    return counted


def false_alarms(served: Served) -> dict[str, int]:
    """How many harmless copies each accused."""
    counted = {OURS: len(served.alarms)}
    for peer in peers.PEERS:
        counted[peer] = sum(each.peers[peer].outcome == "found" for each in served.harmless if peer in each.peers)
    return counted


def _summary(served: Sequence[Served]) -> str:
    names = [f"PostgreSQL {each.version} ({each.origin})" for each in served]
    rows = [["", *names], ["---"] * (len(names) + 1)]
    rows.append(["faults", *[str(len(each.faults)) for each in served]])
    rows.append(["harmless differences", *[str(len(each.harmless)) for each in served]])
    rows.append(["faults this build cannot have", *[str(len(each.excluded)) for each in served]])
    for name in (OURS, *peers.PEERS):
        cells = []
        for each in served:
            (found, asked), wrong = totals(each)[name], false_alarms(each)[name]
            share = f" ({found / asked:.0%})" if asked else ""
            cells.append(f"{found} of {asked}{share}; {wrong} false" if asked or wrong else "–")
        rows.append([f"found by {name}", *cells])
    return _table(rows)


def _section(served: Served) -> str:
    head = ["fault", "what is wrong", OURS, "found by", *peers.PEERS]
    lines = [f"\n## PostgreSQL {served.version} ({served.origin})\n"]
    lines += [_table([head, ["---"] * len(head), *[_row(trial) for trial in served.faults]])]
    lines += ["### Harmless differences\n"]
    head = ["difference", "what differs", OURS, "listed as expected", *peers.PEERS]
    lines += [_table([head, ["---"] * len(head), *[_harmless(trial) for trial in served.harmless]])]
    if served.missed:
        lines += [
            "### Not found\n",
            *[f"- {_name(trial.case)}: {trial.case.damage}{_instead(trial)}" for trial in served.missed],
            "",
        ]
    if served.immaterial:
        lines += [
            "### Changed nothing, counts neither way\n",
            *[f"- {_name(trial.case)}" for trial in served.immaterial],
            "",
        ]
    if served.broken:
        lines += ["### Could not be done\n", *[f"- {_name(case)}: {_cell(why)}" for case, why in served.broken], ""]
    if served.excluded:
        lines += ["### Cannot be had here\n", *[f"- {_name(case)}: needs {need}" for case, need in served.excluded], ""]
    return "\n".join(lines)


def _instead(trial: Trial) -> str:
    if trial.failure:
        return f" (the restore said: {_cell(trial.failure)})"
    if verdicts.is_disclosed(trial):
        return " (listed as not checked)"
    found = {f"{finding.check}: {finding.object}" for finding in verdicts.findings(trial)}
    return f" (found instead: {_cell('; '.join(sorted(found)[:3]))})" if found else ""


def _name(case: Case) -> str:
    return f"{case.id} {case.name}"


def _row(trial: Trial) -> list[str]:
    sign = _SIGNS["found" if verdicts.is_found(trial) else "not found"]
    return [_name(trial.case), trial.case.damage, sign, ", ".join(verdicts.naming(trial)), *_output_cells(trial)]


def _harmless(trial: Trial) -> list[str]:
    sign = "**accused**" if verdicts.is_false_alarm(trial) else "no finding"
    return [_name(trial.case), trial.case.damage, sign, ", ".join(verdicts.is_listed(trial)), *_output_cells(trial)]


def _output_cells(trial: Trial) -> list[str]:
    return [_SIGNS[trial.peers[peer].outcome] if peer in trial.peers else "–" for peer in peers.PEERS]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _table(rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(_cell(cell) for cell in row)} |\n" for row in rows)
