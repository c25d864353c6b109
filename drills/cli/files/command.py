"""`drills files`: fingerprints the files of a mounted file system, and compares a restored one with a manifest. Reads alone."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from drills.cli.common import Command, check_output, help_texts, text_of_manifest
from drills.clock import SystemClock
from drills.errors import COULD_NOT_RUN, VERIFICATION_FAILED
from drills.files import write_privately
from drills.model.finding import CheckResult
from drills.plural import counted
from drills.printable import printable, to_json
from drills.trees import manifest
from drills.trees.judge import judge
from drills.trees.manifest import FilesManifest, Tree
from drills.trees.read import LOST, read, recovery_directory

EXAMPLE = """\
examples:
  drills files manifest /mnt/media -o media.json          of every file a digest, its size, mode and owner; of none its content
  drills files verify /mnt/restored --against media.json  a restored file system beside it
Nothing is changed and AWS is not asked: mount both file systems first, the restored one read-only. Of a restored one the directory
aws-backup-restore_… of its root is compared. What is written while a manifest is taken may be missing from it.
"""
EXIT_CODES = """\
exit codes: 0 written, or every file, directory and link is as it was; 11 they differ; 12 not all could be read, or there was
nothing to compare; 2 wrong usage"""


def add_arguments(files: argparse.ArgumentParser) -> None:
    """Add the parts of `drills files`."""
    parts = files.add_subparsers(dest="part", metavar="PART", required=True)
    take = parts.add_parser("manifest", **help_texts("fingerprint the files below a folder", EXAMPLE, EXIT_CODES))
    take.add_argument("-o", "--output", metavar="FILE", help="where it is kept (default, and -: print it)")
    against = parts.add_parser("verify", **help_texts("compare a folder with a manifest", EXAMPLE, EXIT_CODES))
    against.add_argument("--against", metavar="FILE", required=True, help="the manifest")
    against.add_argument("--json", action="store_true", help="print the results as JSON")
    for part in (take, against):
        part.add_argument("folder", metavar="FOLDER", help="where the file system is mounted")


def run(options: argparse.Namespace) -> int:
    """Take a manifest, or compare; the exit code."""
    folder = Path(options.folder)
    if options.part == "manifest":
        return _take(folder, options.output)
    text = text_of_manifest("--against", options.against, "drills files manifest")
    expected = manifest.from_json(text, options.against)
    found = read(recovery_directory(folder))
    result = judge(expected.tree, found)
    lost = (
        [] if not (folder / LOST).exists() else [f"{folder / LOST} has what AWS Backup could not restore to its place"]
    )
    return _show(result, found, lost, as_json=options.json)


def _take(folder: Path, output: str | None) -> int:
    check_output(output)
    clock = SystemClock()
    began = clock.now()
    tree = read(folder)
    text = manifest.to_json(FilesManifest(began, clock.now(), tree))
    if output in (None, "-"):
        sys.stdout.write(text)
    else:
        write_privately(Path(str(output)), text)
    told = f"{output or '-'}: {counted(len(tree.entries), 'file')}, directories and links"
    told += (
        f", {counted(len(tree.unread), 'place')} not read: {', '.join(sorted(tree.unread)[:3])}" if tree.unread else ""
    )
    print(printable(told), file=sys.stderr)
    return COULD_NOT_RUN if tree.unread else 0


def _show(result: CheckResult, found: Tree, lost: list[str], *, as_json: bool) -> int:
    newest = found.newest.isoformat(timespec="seconds") if found.newest else None
    if as_json:
        print(to_json({**dataclasses.asdict(result), "newest": newest, "lost": lost}))
    else:
        print(printable(f"{result.name}: {result.outcome}: {result.sentence}"))
        for finding in result.findings:
            print(printable(f"  {finding.message}"))
        for left in result.not_checked:
            print(printable(f"  not read: {left.what}: {left.reason}"))
        for each in (*lost, *([f"the newest file of the copy was written at {newest}"] if newest else [])):
            print(printable(each))
    return {"missed": VERIFICATION_FAILED, "not verified": COULD_NOT_RUN}.get(result.outcome, 0)


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, paths=("folder", "output", "against"))
