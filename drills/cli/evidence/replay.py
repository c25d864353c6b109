"""`drills evidence replay`: derives the verdicts and the exit code of a run again, from its evidence alone."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from pathlib import Path

from drills import __version__
from drills.cli.common import CHECKOUT, Command
from drills.cli.evidence.commit import commit_of, is_edited
from drills.errors import COULD_NOT_RUN, VERIFICATION_FAILED
from drills.evidence.check import is_chain
from drills.evidence.folder import entries_in
from drills.evidence.sums import SUMS
from drills.files import refuse_unreadable_below
from drills.plural import counted
from drills.printable import printable, to_json
from drills.record import RECORD_NAME
from drills.replay import bundle
from drills.replay.again import replay
from drills.replay.outcome import Replay, lines
from drills.replay.rendered import Renderers
from reports import html, markdown

EXAMPLE = """\
examples:
  drills evidence replay reports/evidence/sandbox-myappdbprod/0042-20261123-141503-a1b2
  drills evidence replay reports/evidence/sandbox-myappdbprod     each bundle of a chain, a line each
  drills evidence replay reports/out/latest          a run that is not sealed
Reads files and asks nobody. Verify the signature first: this says that the record follows from what the run observed.
"""
EXIT_CODES = """\
exit codes: 0 the record follows from the evidence; 11 something differs; 12 a file is missing or cannot be read; 2 wrong usage"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drills evidence replay`."""
    parser.add_argument("folder", metavar="DIR", help="a bundle, a chain, or the folder of a run")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Print each difference, and what was not derived; 11 where anything differs. Raises CannotReplay."""
    folder = Path(options.folder)
    if folder.is_dir():
        refuse_unreadable_below(folder)
    if is_chain(folder) and not (folder / SUMS).exists() and not (folder / RECORD_NAME).exists():
        return _of_chain(folder, as_json=options.json)
    evidence = bundle.read(folder)
    renderers = renderers_of(CHECKOUT)
    found = replay(evidence, renderers)
    code = VERIFICATION_FAILED if found.differences else 0
    if options.json:
        print(to_json(_facts(found, code)))
        return code
    for line in lines(found):
        print(printable(line))
    print(printable(_summary(found, evidence.record.run_id)))
    if found.differences and (why := renderers.fits(evidence.record)):
        print(printable(f"another version may judge and word it otherwise: the record was {why}"))
    return code


def _of_chain(folder: Path, *, as_json: bool) -> int:
    """Replay each bundle of a chain, a line each: 11 where anything differs, else 12 where one cannot be replayed."""
    facts: list[dict[str, object]] = []
    renderers = renderers_of(CHECKOUT)
    for name in entries_in(folder):
        if not (folder / name / SUMS).is_file():
            facts.append(
                {"bundle": name, "exit_code": COULD_NOT_RUN, "sentence": "it has no bundle that could be replayed"}
            )
            continue
        try:
            evidence = bundle.read(folder / name)
            found = replay(evidence, renderers)
        except bundle.CannotReplay as error:
            facts.append({"bundle": name, "exit_code": COULD_NOT_RUN, "sentence": f"it cannot be replayed: {error}"})
            continue
        code = VERIFICATION_FAILED if found.differences else 0
        why = renderers.fits(evidence.record) if found.differences else ""
        sentence = _summary(found, evidence.record.run_id) + (f" ({why})" if why else "")
        facts.append({"bundle": name, "sentence": sentence, **_facts(found, code)})
    codes = {each["exit_code"] for each in facts}
    code = next((each for each in (VERIFICATION_FAILED, COULD_NOT_RUN) if each in codes), 0)
    if as_json:
        print(to_json({"exit_code": code, "bundles": facts}))
        return code
    for each in facts:
        print(printable(f"{each['bundle']}: {each['sentence']}"))
    print(printable(f"what differs and what is not derived: drills evidence replay {shlex.quote(str(folder))}/BUNDLE"))
    return code


def renderers_of(checkout: Path) -> Renderers:
    """Return what renders reports here, with the commit of the checkout, "" where neither git nor the file COMMIT says it."""
    render = {"summary.md": markdown.render, "report.html": html.render}
    return Renderers(render, __version__, commit_of(checkout), changed=is_edited(checkout))


def _facts(found: Replay, code: int) -> dict[str, object]:
    return {
        "exit_code": code,
        "derived_codes": list(found.codes),
        "derived": found.derived,
        "differences": [dataclasses.asdict(each) for each in found.differences],
        "not_derived": [dataclasses.asdict(each) for each in found.not_derived],
    }


def _summary(found: Replay, run_id: str) -> str:
    codes = ", ".join(map(str, found.codes))
    if found.differences:
        number = len(found.differences)
        return f"run {run_id}: {counted(number, 'difference')}; by the evidence its exit codes are {codes}"
    return (
        f"run {run_id}: {counted(len(found.derived), 'value')} derived again, none differs; its exit codes are {codes}"
    )


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES)
