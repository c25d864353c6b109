"""The documents: what they name is there."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from drills import errors
from drills.cli import main as cli
from tests.support.paths import CHECKOUT

DOCUMENTS = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").glob("*.md"), *(CHECKOUT / "infra").rglob("*.md")])
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def headings(document: Path) -> set[str]:
    """The anchors of a document's headings, made as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    """A file that is linked exists, and so does the heading in it."""
    for link in _LINK.findall(document.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.is_relative_to(CHECKOUT), f"{link} leads out of the checkout"
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in headings(target), f"{link}: no such heading"


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command line in the console blocks, without prompt and comment."""
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                yield from (part.split() for part in line[2:].partition(" # ")[0].split(" && "))


def tox_environments() -> set[str]:
    """The environments that tox.ini describes."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(CHECKOUT / "tox.ini", encoding="utf-8")
    return {name.removeprefix("testenv:") for name in tox.sections() if name.startswith("testenv:")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_tox_environments_that_are_named_exist(document: Path) -> None:
    """`tox -e NAME` in a document is an environment of tox.ini."""
    named = re.findall(r"tox (?:-q )?-e (\w+)", document.read_text(encoding="utf-8"))
    assert set(named) <= tox_environments()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_commands_and_options_that_are_named_are_known(document: Path) -> None:
    """What follows `tox -e drill --` or `tox -e report --` is accepted, and `drills NAME` is a command."""
    text = document.read_text(encoding="utf-8")
    assert set(re.findall(r"`drills (\w+)", text)) <= set(cli.COMMANDS)
    for words in commands(text):
        if not any(word.endswith("tox") for word in words[:1]) or "--" not in words or "-e" not in words:
            continue
        environment = words[words.index("-e") + 1]
        name = {"drill": "run", "report": "report"}.get(environment)
        if name is not None:
            given, _ = cli._split(words[words.index("--") + 1 :])
            cli.parse([name, *given])


def test_the_readme_shows_commands() -> None:
    """The tests above look at something."""
    shown = [" ".join(words) for words in commands(README)]
    assert any(line.endswith("tox -e drill -- --seed my.dump") for line in shown)
    assert any(line.endswith("tox -e report -- reports/out/latest") for line in shown)


def test_the_readmes_exit_codes_are_the_projects() -> None:
    """The table holds every code of drills/errors.py, and no other."""
    table = README.partition("## Exit codes")[2].partition("\n## ")[0]
    named = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    assert named == {0} | {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_lines_fit_and_nothing_was_left_to_fill_in(document: Path) -> None:
    """Prose keeps to 132 columns (tables and pasted output may be wider), and no mark of something missing is left."""
    pasted = False
    for line in document.read_text(encoding="utf-8").splitlines():
        pasted ^= line.startswith("```")
        assert pasted or line.startswith(("|", "- `")) or len(line) <= 132, line
        assert not re.search(r"TODO|FIXME|@@", line), line
