"""Runs the console blocks of the pages and compares what comes out with what the pages show.

`tox -e docs` runs all pages, `tox -e docs -- PAGE…` some; with `--write` the output that they show is written anew.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import time
from pathlib import Path

from tests.documents.pages import CHECKOUT, Command, commands, documents
from tests.documents.reader import Reader, Shell
from tests.documents.shape import difference

TIMEOUT = 600.0  # seconds for one command; the installation and a whole drill take one or two minutes each
RUN_ELSEWHERE = {
    "docs/runbook.md": "tests/sandbox/clients/test_runbook_cli.py runs and compares its commands",
    "docs/runbook-aurora.md": "tests/sandbox/clients/test_runbook_aurora.py runs and compares its commands",
}
_WHOLE_DRILL = re.compile(r"\bdrills run\b|\btox -e drill\b")


class Results:
    """What the commands printed; a whole drill is run once, however many pages show it."""

    def __init__(self, reader: Reader) -> None:
        self.failures: list[str] = []
        self.texts: dict[Command, str] = {}
        self._reader = reader
        self._drills: dict[str, tuple[int, str]] = {}

    def run(self, command: Command, shell: Shell) -> None:
        """Run a command and compare exit code and output with what its page says."""
        started = time.monotonic()
        text = command.text
        if command.seconds is not None:
            text = f"timeout --preserve-status -s INT {command.seconds} {text}"
        drill = drill_of(text)
        shared = self._drills.get(drill)
        try:
            code, output = shared or shell.run(text, TIMEOUT)
        except TimeoutError as error:
            self._fail(command, str(error))
            raise
        if _WHOLE_DRILL.search(text):
            self._drills[drill] = (code, output)
        first = text.partition("\n")[0]
        print(f"{time.monotonic() - started:6.1f} s  {command.page}:{command.line}  {first}", flush=True)
        if code != command.exit_code:
            self._fail(command, f"expected exit code {command.exit_code}, found {code}:\n{output[-3000:]}")
        if command.output is not None:
            self.texts[command] = command.output.excerpt(output)
            if found := difference(command.output.text, self.texts[command]):
                self._fail(command, f"the output has another shape:\n{found}")
        self._reader.start_server()

    def _fail(self, command: Command, sentence: str) -> None:
        self.failures.append(f"{command.page}:{command.line}: {command.text}\n{sentence}")


def drill_of(text: str) -> str:
    """Return the call of `drills` that a command makes, also by way of tox, by which two that are the same drill are told."""
    return " ".join(
        re.sub(r"^.*\btox -e drill(?: --(?= ))?", ".tox/drill/bin/drills run", text.partition("#")[0]).split()
    )


def run_page(found: list[Command], reader: Reader, results: Results) -> None:
    """Run the commands of one page in a shell of their own; a command that does not end takes the rest along."""
    reader.fill_databases()
    reader.restore_files()
    shell = Shell(reader)
    try:
        for command in found:
            if command.not_run:
                print(f"  not run  {command.page}:{command.line}  {command.not_run}")
            else:
                results.run(command, shell)
    except TimeoutError:
        pass
    finally:
        shell.close()


def write(results: Results) -> None:
    """Replace what the pages show by what came out."""
    for name in {command.page for command in results.texts}:
        page = CHECKOUT / name
        lines = page.read_text(encoding="utf-8").splitlines()
        for command, text in sorted(results.texts.items(), key=lambda each: -each[0].line):
            if command.page == name and command.output is not None:
                start, end = command.output.start, command.output.end
                if lines[start:end] != command.output.text.splitlines():
                    sys.exit(f"{name}:{start + 1}: the page was changed meanwhile; nothing is written to it")
                lines[start:end] = text.splitlines()
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"wrote {name}")


def main() -> int:
    """Run what the command line names; 1 when something differs."""
    parser = argparse.ArgumentParser(description="Run the documents' commands in a fresh clone of HEAD.")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="pages of the checkout (default: all)")
    parser.add_argument("--write", action="store_true", help="write the output that the pages show anew")
    parser.add_argument("--folder", type=Path, required=True, help="where the clone is made and removed")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = [(CHECKOUT / page).resolve() for page in options.pages] or documents()
    reader = Reader(options.folder)
    results = Results(reader)
    try:
        run_page(commands(documents()[0])[:1], reader, results)  # every page begins with the suite installed
        for page in chosen:
            if reason := RUN_ELSEWHERE.get(page.relative_to(CHECKOUT).as_posix()):
                print(f"  not run  {page.relative_to(CHECKOUT)}  {reason}")
            else:
                run_page(commands(page), reader, results)
        results.failures += [f"{name}: a secret that .gitignore does not have" for name in reader.secrets_in_sight()]
        results.failures += [f"{name}: left in the temporary folder" for name in reader.left_behind()]
    finally:
        reader.close()
    if options.write:
        write(results)
    failures = dict.fromkeys(results.failures)
    print(*failures, f"{len(failures)} differences", sep="\n\n")
    return 1 if failures and not options.write else 0


if __name__ == "__main__":
    sys.exit(main())
