"""Writes docs/runbook.md: the runbook's commands with what they answered in a sandbox.

`python -m tests.sandbox.clients.runbook_page`
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.sandbox.clients.runbook import SECTIONS, STEPS, Section
from tests.sandbox.clients.runbook_stack import Told, make_stack, shell
from tests.support.paths import CHECKOUT
from tests.support.sandbox import end_sandbox, start_sandbox

PAGE = CHECKOUT / "docs" / "runbook.md"
_OPENING = """\
# The recovery runbook, command by command

What a team types when its database is lost: `aws`, `diff` and `psql`, in this order. Every command stands here word for
word as on AWS. It was run in [the sandbox](sandbox.md), which answered what is printed below it; of the environment,
`AWS_ENDPOINT_URL` alone told the AWS CLI that it was not AWS. `PGPASSWORD`, `PGSSLMODE=verify-full` and `PGSSLROOTCERT`
were set for `psql`. By one command, with the checks of a drill and beside whatever is there:
[the day of the disaster](incident.md). For an Aurora cluster: [its runbook](runbook-aurora.md).

**Statuses, names and shapes are AWS's. Times, sizes and addresses are the sandbox's, and say nothing about AWS.**

A test runs the same commands and compares the answers' members with this page. Where they differ, write it anew with
`python -m tests.sandbox.clients.runbook_page`. The stack is that of [infra/terraform](../infra/terraform/README.md).
"""
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def page(told: Sequence[Told], sections: Sequence[Section] = SECTIONS, opening: str = _OPENING) -> str:
    """The page's text; `told` has an answer for each step of a runbook, in their order."""
    parts, answers = [opening], iter(told)
    for section in sections:
        parts.append(f"\n## {section.title}\n\n{_wrapped(section.text)}\n")
        parts.extend(_shown(next(answers)) for _ in section.steps)
    return "".join(parts)


def _shown(told: Told) -> str:
    again = f"\nRepeated until it says `{told.step.until}`:\n" if told.step.until else ""
    text = told.text.rstrip("\n")
    return f"{again}\n```console\n$ {told.step.command}\n{text}{chr(10) if text else ''}```\n"


def _wrapped(text: str, width: int = 118) -> str:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(lines)


def shown(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a page with the output below it."""
    for block in _BLOCK.findall(text):
        lines = block.removeprefix("$ ").splitlines()
        size = next(number for number, line in enumerate(lines, 1) if not line.endswith("\\"))
        yield "\n".join(lines[:size]), "\n".join(lines[size:])


def members(output: str) -> set[str] | None:
    """The dotted names of all members of a JSON answer, None for any other output."""
    try:
        value = json.loads(output)
    except ValueError:
        return None
    return set(_names(value, ""))


def _names(value: Any, path: str) -> Iterable[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}.{key}"
            yield from _names(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner, f"{path}[]")


def run() -> list[Told]:
    """Make the stack in a sandbox of its own and run every step."""
    running = start_sandbox()
    try:
        password = make_stack(running)
        with tempfile.TemporaryDirectory() as folder:
            prompt = shell(running, Path(folder), password)
            return [prompt.run(step) for step in STEPS]
    finally:
        end_sandbox(running)


if __name__ == "__main__":
    PAGE.write_text(page(run()), encoding="utf-8")
