"""The console blocks of a page: their commands, the output that the page shows, and the markers before a block.

A marker is an HTML comment in the line before a block: `not run: REASON`, `exits with CODE`, `interrupted after SECONDS s`, and
for the output `from "REGEX"`, `to "REGEX"` and `without "REGEX"`, which choose the lines that are shown.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
_OPEN = re.compile(r"^```(console|text)$")
_MARKER = re.compile(r"^<!-- (.+) -->$")
_HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?")


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """What a page shows of a command's output: the lines `start` to `end` of the page (from 0, `end` excluded)."""

    start: int
    end: int
    text: str
    choice: dict[str, str] = field(default_factory=dict)

    def excerpt(self, output: str) -> str:
        """Return the lines of a real output that the markers choose; empty where there is none."""
        lines = [line.rstrip() for line in output.splitlines()]
        if without := self.choice.get("without"):
            lines = [line for line in lines if not re.search(without, line)]
        first = [number for number, line in enumerate(lines) if re.search(self.choice.get("from", ""), line)][:1]
        last = [number for number, line in enumerate(lines) if re.search(self.choice.get("to", ""), line)][-1:]
        return "\n".join(lines[first[0] : last[0] + 1]).strip("\n") if first and last else ""


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """A command of a page, the line that it stands in (from 1), and how it is run."""

    page: str
    line: int
    text: str
    markers: dict[str, str]
    output: Output | None = None

    @property
    def not_run(self) -> str:
        """The reason for which the command is not run; empty where it is."""
        return self.markers.get("not run", "")

    @property
    def exit_code(self) -> int:
        """The exit code that the page promises."""
        return int(self.markers.get("exits with", "0"))

    @property
    def seconds(self) -> float | None:
        """After how many seconds a reader presses Ctrl-C; None where the command ends by itself."""
        after = self.markers.get("interrupted after")
        return float(after.removesuffix(" s")) if after else None


LAST = ("demo.md", "first-drill.md", "incident.md")


def documents() -> list[Path]:
    """Return the pages whose console blocks are run, the README first, since it installs the suite.

    Last the pages whose newest run has no numbers, being of a damaged backup or no drill: others read reports/out/latest.
    """
    others = [
        *CHECKOUT.glob("docs/**/*.md"),
        *CHECKOUT.glob("infra/*/README.md"),
        CHECKOUT / "benchmarks" / "README.md",
    ]
    return [
        CHECKOUT / "README.md",
        *sorted(others, key=lambda page: (LAST.index(page.name) if page.name in LAST else -1, page)),
    ]


@functools.cache
def commands(page: Path) -> list[Command]:
    """Return the commands of a page in their order, the same objects each time."""
    lines = page.read_text(encoding="utf-8").splitlines()
    name = page.relative_to(CHECKOUT).as_posix()
    found: list[Command] = []
    unanswered = False  # whether a text block that comes next is the output of the last command
    for kind, start, end, markers in _blocks(lines):
        if kind == "console":
            found += _console(name, lines, start, end, markers)
            unanswered = bool(found) and found[-1].output is None
        elif kind == "text" and unanswered:
            output = Output(start, end, "\n".join(lines[start:end]), markers)
            last = found.pop()
            found.append(Command(last.page, last.line, last.text, last.markers, output))
            unanswered = False
        else:
            unanswered = False
    return found


def to_copy(text: str) -> list[str]:
    """Return what a reader copies of each console block of a page: its commands, without prompts and output."""
    lines = text.splitlines()
    blocks = [(start, end) for kind, start, end, _ in _blocks(lines) if kind == "console"]
    return ["\n".join(each.text for each in _console("", lines, start, end, {})) for start, end in blocks]


def _blocks(lines: list[str]) -> Iterator[tuple[str, int, int, dict[str, str]]]:
    """Yield each block and heading: its kind, the lines inside of the fence, and the markers before it."""
    number = 0
    while number < len(lines):
        line = lines[number]
        if line.startswith("```"):
            end = next(at for at in range(number + 1, len(lines)) if lines[at].startswith("```"))
            kind = _OPEN.match(line)
            yield (kind[1] if kind else "other"), number + 1, end, _markers(lines, number)
            number = end
        elif line.startswith("#"):
            yield "heading", number, number, {}
        number += 1


def _markers(lines: list[str], fence: int) -> dict[str, str]:
    markers: dict[str, str] = {}
    above = fence - 1
    while above >= 0 and (marker := _MARKER.match(lines[above])):
        for name in ("not run: ", "exits with ", "interrupted after "):
            if marker[1].startswith(name):
                markers[name.strip(" :")] = marker[1].removeprefix(name)
        markers |= dict(
            re.findall(r'\b(from|to|without) "([^"]+)"', marker[1]) if not marker[1].startswith("not") else []
        )
        above -= 1
    return markers


def _console(page: str, lines: list[str], start: int, end: int, markers: dict[str, str]) -> Iterator[Command]:
    """Yield the commands of one block; what follows a command up to the next prompt is its output."""
    number = start
    while number < end:
        if not lines[number].startswith("$ "):
            raise ValueError(f"{page}:{number + 1}: expected a command after `$ `, found {lines[number]!r}")
        first, text = number, lines[number][2:]
        while _is_open(text):
            number += 1
            text += f"\n{lines[number]}"
        number += 1
        shown = number
        while number < end and not lines[number].startswith("$ "):
            number += 1
        output = Output(shown, number, "\n".join(lines[shown:number]), markers) if number > shown else None
        yield Command(page, first + 1, text, markers, output)


def _is_open(text: str) -> bool:
    """Tell whether a command goes on in the next line: a backslash, a here-document or a quotation."""
    if heredoc := _HEREDOC.search(text):
        return f"\n{heredoc[1]}" not in text
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return True
    return text.endswith("\\")


def called(command: Command) -> Iterator[list[str]]:
    """Yield the arguments of each `drills` that a command calls, also by way of `tox -e drill`."""
    text = re.sub(r"<<.*", "", command.text.partition("\n")[0]).replace('"$(', " ").replace(')"', " ")
    words = shlex.split(text, comments=True) if not _is_open(text) else []
    for at, word in enumerate(words):
        rest = words[at + 1 :]
        ends = [number for number, each in enumerate(rest) if each in ("|", "&&", ";", "&", ">")]
        rest = rest[: ends[0]] if ends else rest
        if word.rpartition("/")[2] == "drills" and rest:
            yield rest
        elif word.rpartition("/")[2] == "tox" and {"-e", "drill"} <= set(rest):
            yield ["run", *(rest[rest.index("--") + 1 :] if "--" in rest else [])]
