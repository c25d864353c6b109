"""What became of each mutant that mutmut made, read from its folder, and which survivors are explained. Pure, but for reading.

mutmut writes each function of `mutants/PATH` once as it was (`…__mutmut_orig`) and once for each mutant (`…__mutmut_7`), and
the exit code of pytest for each mutant into `mutants/PATH.meta` (mutmut 3, mutmut/mutation/data.py and stats.py).
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

# exit codes of pytest (https://docs.pytest.org/en/stable/reference/exit-codes.html) and of mutmut/stats.py
KILLED = frozenset({1, 3, 24, -24, 36, 152, 255})
NO_TESTS = frozenset({5, 33})
_MUTANT = re.compile(r"(?P<function>.+)__mutmut_\d+")
_NAMES = re.compile(r"\{[^}]*\}")  # what an f-string puts in
_LITERAL = re.compile(r"""f?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one function: its lines before and after, each joined by one blank, and what the tests said."""

    module: str
    function: str
    before: str
    after: str
    outcome: str  # "killed", "survived", "no tests", or "not run"

    @property
    def where(self) -> str:
        """The module and the function, as explained.toml names them."""
        return f"{self.module}.{self.function}"

    @property
    def alive(self) -> bool:
        """Whether it was tried and no test noticed it."""
        return self.outcome not in ("killed", "not run")


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a survivor is no lack of a test. `function` is a glob; `changes` are the mutated lines, none for every change."""

    function: str
    reason: str
    changes: tuple[str, ...] = ()

    def covers(self, mutant: Mutant) -> bool:
        """Return whether this is about that mutant."""
        return fnmatchcase(mutant.where, self.function) and (not self.changes or mutant.after in self.changes)


def outcome(code: int | None) -> str:
    """Return what an exit code says; one that ended in any other way than by a failed test counts as survived."""
    if code is None:
        return "not run"
    return "killed" if code in KILLED else "no tests" if code in NO_TESTS else "survived"


def read(folder: Path) -> Iterator[Mutant]:
    """Yield every mutant below the folder `mutants` of a run."""
    for meta in sorted(folder.rglob("*.py.meta")):
        codes: dict[str, int | None] = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
        source = meta.with_suffix("").read_text(encoding="utf-8") if codes else ""
        module = ".".join(meta.with_suffix("").relative_to(folder).with_suffix("").parts)
        yield from mutants(module, source, codes)


def mutants(module: str, source: str, codes: Mapping[str, int | None]) -> Iterator[Mutant]:
    """Yield the mutants of one module, from its mutated source and the exit codes by the mutants' names."""
    lines = source.splitlines()
    bodies = {
        node.name: lines[node.lineno - 1 : node.end_lineno]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
    }
    for key, code in codes.items():
        name = key.rpartition(".")[2]
        match = _MUTANT.fullmatch(name)
        if match is None:
            raise ValueError(f"expected the name of a mutant of mutmut 3, found {key!r}")
        function = _readable(match["function"])
        before, after = changed(
            *(_under(function, bodies, each) for each in (f"{match['function']}__mutmut_orig", name))
        )
        yield Mutant(module, function, before, after, outcome(code))


def _under(function: str, bodies: Mapping[str, list[str]], name: str) -> list[str]:
    """Return the lines of a function, under its own name in the first line, where its defaults may be what is changed."""
    first, *rest = bodies[name]
    return [first.replace(name, function.rpartition(".")[2], 1), *rest]


def changed(before: Sequence[str], after: Sequence[str]) -> tuple[str, str]:
    """Return the lines that differ, on both sides: all between the lines at the begin and at the end that are the same."""
    shorter = min(len(before), len(after))
    begin = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    most = shorter - begin
    end = next((at for at in range(most) if before[-1 - at] != after[-1 - at]), most)
    return _joined(before[begin : len(before) - end]), _joined(after[begin : len(after) - end])


def _joined(lines: Iterable[str]) -> str:
    return " ".join(line.strip() for line in lines)


def _readable(function: str) -> str:
    """Return `judge` for `x_judge`, and `Guard.make` for `xǁGuardǁmake`."""
    return function.removeprefix("x_") if function.startswith("x_") else function.removeprefix("xǁ").replace("ǁ", ".")


def only_wording(mutant: Mutant) -> bool:
    """Return whether nothing but a sentence is changed: the case, or the ends, of a text of three words or more.

    Shorter texts may be names and outcomes ("not verified"): a survivor among them wants a test or its own explanation.
    """
    before, after = _texts(mutant.before), _texts(mutant.after)
    if before[0] != after[0]:
        return False
    differing = [(old, new) for old, new in zip(before[1], after[1], strict=True) if old != new]
    return bool(differing) and all(
        _NAMES.findall(old) == _NAMES.findall(new)
        and len(old.split()) >= 3
        and old.lower() == new.removeprefix("XX").removesuffix("XX").lower()
        for old, new in differing
    )


def _texts(line: str) -> tuple[str, list[str]]:
    """Return a line without its literals, and the literals."""
    return _LITERAL.sub("…", line), [each[1:-1] for each in _LITERAL.findall(line)]


def explain(found: Iterable[Mutant], explanations: Sequence[Explanation]) -> list[tuple[Mutant, Explanation | None]]:
    """Return each mutant that survived and is no change of wording, with its explanation, or None."""
    return [
        (mutant, next((each for each in explanations if each.covers(mutant)), None))
        for mutant in found
        if mutant.alive and not only_wording(mutant)
    ]


def explanations(document: Mapping[str, Any]) -> list[Explanation]:
    """Return what explained.toml says."""
    return [
        Explanation(each["function"], each["reason"], tuple(each.get("changes", ())))
        for each in document.get("explained", ())
    ]
