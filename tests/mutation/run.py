"""Mutates the pure modules of parts.toml, and writes docs/mutants.md: `tox -e mutants`, or `tox -e mutants -- objectives`.

mutmut changes one thing at a time and runs the unit tests that reach it. A survivor is a change that no test noticed: it
wants a test, or an explanation in explained.toml. Exit code 1 where one has neither, or an explanation fits nothing. The
page is written from every part that the folder holds, what is not explained included.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.mutation.mutants import Explanation, Mutant, explain, explanations, only_wording, read
from tests.support.paths import CHECKOUT

HERE = Path(__file__).parent
PAGE = CHECKOUT / "docs" / "mutants.md"
COPIED = ("conftest.py", "steps", "reports", "features", "invariants", "infra", "docs", "tests")


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every survivor is explained, else 1."""
    parts: dict[str, dict[str, list[str]]] = tomllib.loads((HERE / "parts.toml").read_text(encoding="utf-8"))
    known = explanations(tomllib.loads((HERE / "explained.toml").read_text(encoding="utf-8")))
    parser = argparse.ArgumentParser(prog="tox -e mutants --", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the mutated copies of the checkout are kept")
    parser.add_argument("--judge", action="store_true", help="judge what is in the folder; mutate nothing")
    parser.add_argument("part", nargs="*", choices=[[], *parts], help="default: all")
    given = parser.parse_args(arguments)
    chosen = given.part or list(parts)
    if not given.judge:
        for part in chosen:
            mutate(given.folder / part, parts[part])
    found = [mutant for part in parts for mutant in read(given.folder / part / "mutants")]
    missing = [part for part in parts if not (given.folder / part / "mutants").is_dir()]
    unexplained = list(problems(found, known, whole=not missing))
    untried = [module for part in missing for module in parts[part]["modules"]]
    PAGE.write_text(page(found, known, untried), encoding="utf-8")
    print(*unexplained, *table(found, known), sep="\n")
    return 1 if unexplained else 0


def mutate(folder: Path, part: Mapping[str, list[str]]) -> None:
    """Copy what git knows of into the folder, which must not be the checkout's own, and let mutmut work there."""
    shutil.rmtree(folder, ignore_errors=True)
    names = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, folder / name)
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n[tool.mutmut]\n{settings(part)}")
    ended = subprocess.run([sys.executable, "-m", "mutmut", "run"], cwd=folder, check=False)
    if ended.returncode:
        sys.exit(
            f"expected mutmut to end with 0, found {ended.returncode}: do the unit tests pass? tox -e tests -- -m unit"
        )


def settings(part: Mapping[str, list[str]]) -> str:
    """Return what mutmut reads of a part. JSON's arrays are TOML's."""
    given: dict[str, Any] = {
        "source_paths": ["drills"],
        "only_mutate": part["modules"],
        "also_copy": list(COPIED),
        "pytest_add_cli_args": ["-m", "unit", "-n", "0", "-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": part["tests"],
    }
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.items())


def problems(found: Sequence[Mutant], known: Sequence[Explanation], *, whole: bool) -> Iterator[str]:
    """Yield a sentence for each survivor without an explanation and, of a whole run, each explanation without a survivor."""
    judged = explain(found, known)
    for mutant, explanation in judged:
        if explanation is None:
            yield f"{mutant.where} ({mutant.outcome}):\n  - {mutant.before}\n  + {mutant.after}"
    if not whole or any(mutant.outcome == "not run" for mutant in found):
        yield "expected every mutant of every part to be tried, found some that were not: tox -e mutants tries all"
        return
    for each in known:
        if not any(explanation is each for _, explanation in judged):
            yield f"explained.toml: nothing that survives in {each.function} is {list(each.changes) or 'any change'}: remove it"


def table(found: Sequence[Mutant], known: Sequence[Explanation]) -> Iterator[str]:
    """Yield the lines of the table: a module, its mutants, and what became of them."""
    yield "| module | mutants | killed | wording of a sentence | explained | not explained | not run |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    modules = sorted({mutant.module for mutant in found})
    for name, of in [*((each, {each}) for each in modules), ("**together**", set(modules))]:
        some = [mutant for mutant in found if mutant.module in of]
        killed = sum(mutant.outcome == "killed" for mutant in some)
        not_run = sum(mutant.outcome == "not run" for mutant in some)
        wording = sum(mutant.alive and only_wording(mutant) for mutant in some)
        judged = explain(some, known)
        explained = sum(explanation is not None for _, explanation in judged)
        shown = name if name.startswith("*") else f"`{name.replace('.', '/')}.py`"
        counts = (len(some), killed, wording, explained, len(judged) - explained, not_run)
        yield f"| {shown} | {' | '.join(map(str, counts))} |"


INTRODUCTION = """# Mutants

`tox -e mutants` writes this page. [mutmut](https://mutmut.readthedocs.io) (BSD) changes one thing at a time in the code that
decides: a comparison, a number, an argument, a word. It then runs the unit tests that reach the changed function. A mutant is
killed when one of them fails. One that survives has shown a missing test, or is explained here; while one has no
explanation, or was not tried, the command exits with 1. `tests/mutation/parts.toml` says what is mutated and by which tests it
is held, `tests/mutation/explained.toml` has the explanations.

A mutant that changes only the case or the ends of a sentence of three words or more is counted as wording: what a sentence
says is held by the tests that quote it, not its every letter. mutmut changes the bodies of functions, not constants, and
leaves out functions with a decorator other than `staticmethod` and `classmethod`.
"""


def page(found: Sequence[Mutant], known: Sequence[Explanation], untried: Sequence[str] = ()) -> str:
    """Return docs/mutants.md; `untried` are the modules of parts that were not mutated."""
    judged = explain(found, known)
    covered = Counter(id(explanation) for _, explanation in judged)
    told = (
        f"- `{each.function.removeprefix('drills.')}` ({covered[id(each)]}): {each.reason}"
        for each in known
        if covered[id(each)]
    )
    open_ones = [mutant for mutant, explanation in judged if explanation is None]
    left = (
        f"\n**Not tried yet, so that nothing is said of them:**\n{', '.join(f'`{each}`' for each in untried)}."
        if untried
        else ""
    )
    lines = [INTRODUCTION, *table(found, known), left, "", "## Survivors that are explained", "", *told, ""]
    if open_ones:
        lines += ["## Survivors without an explanation", "", "Each wants a test.", ""]
        lines += [
            f"- `{each.where.removeprefix('drills.')}`: `{each.after or 'a line less'}`" for each in open_ones
        ] + [""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
