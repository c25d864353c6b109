"""The documents: what they name is there."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from drills import errors
from drills.cli import main as cli
from drills.config.file import ConfigFile
from tests.documents import pages
from tests.support.paths import CHECKOUT

DOCUMENTS = sorted({*CHECKOUT.glob("*.md"), *pages.documents()})
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
def test_commands_that_are_named_are_known(document: Path) -> None:
    """`drills NAME` in the text of a document is a command."""
    assert set(re.findall(r"`drills (\w+)", document.read_text(encoding="utf-8"))) <= set(cli.COMMANDS)


@pytest.mark.parametrize("page", pages.documents(), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_options_that_are_shown_are_accepted(page: Path) -> None:
    """Each call of `drills` in a console block is parsed, in the blocks that are not run too."""
    for command in pages.commands(page):
        for arguments in pages.called(command):
            given, _ = cli._split(arguments)
            cli.parse(given)


@pytest.mark.parametrize("page", pages.documents(), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_there_is_one_way_to_call_the_suite(page: Path) -> None:
    """Console blocks call the installed command; tox installs it, in the README, and runs the project's own environments."""
    for command in pages.commands(page):
        assert "-m drills" not in command.text
        assert not re.search(r"(?<![\w/])drills (\w+)", re.sub(r"(?s)<<.*| #.*", "", command.text)), command.text
        assert page.name == "README.md" or "tox -e drill" not in command.text


def own_names(page: str) -> set[str]:
    """The targets and profiles of drill.toml (those that are built in too), and of the page's own blocks of it."""
    file = ConfigFile.read(CHECKOUT / "drill.toml")
    blocks = "\n".join(re.findall(r"(?ms)^```toml\n(.*?)^```", page))
    return {*file.targets(), *file.profiles(), *re.findall(r"^\[(?:targets|profiles)\.([\w-]+)", blocks, re.MULTILINE)}


def test_targets_and_profiles_that_are_named_exist() -> None:
    """`--target NAME` and `--profile NAME` on a page are of drill.toml or of a block of it on that page; in help, of drill.toml."""
    texts = {str(page.relative_to(CHECKOUT)): page.read_text(encoding="utf-8") for page in pages.documents()}
    texts |= {f"drills {name} --help": cli.command_of(name).example for name in cli.COMMANDS}
    named = {
        (where, name)
        for where, text in texts.items()
        for name in re.findall(r"--(?:target|profile)[ =]([a-z][\w-]*)", text)
    }

    assert {(where, name) for where, name in named if name not in own_names(texts[where])} == set()
    assert ("drills cutover --help", "myappdbprod") in named


def test_the_readme_shows_commands() -> None:
    """The tests above look at something: the README calls tox once, and most commands of the command line."""
    shown = [arguments for command in pages.commands(CHECKOUT / "README.md") for arguments in pages.called(command)]

    assert {arguments[0] for arguments in shown} == set(cli.COMMANDS)
    assert ["run", "--seed", "my.dump"] in shown


def test_each_environment_of_tox_describes_itself() -> None:
    """`tox list` shows a description of each; tox reads a first word before a colon as a factor, so that none has one."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(CHECKOUT / "tox.ini", encoding="utf-8")

    described = [tox[name].get("description", "") for name in tox.sections() if name.startswith("testenv:")]
    assert all(described)
    assert not [text for text in described if re.match(r"\S+:", text)]
    assert "description" not in tox["testenv"]


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


MENTIONED = re.compile(r"(?<![\w/.-])((?:[\w-]+/)*[\w-]+\.md)\b")
ELSEWHERE = {"summary.md", "VERIFY.md"}  # files of a run


def sources() -> Iterator[Path]:
    """Every file of code, SQL, Gherkin and templates; the tests of the documents' reader have pages of their own."""
    for room in ("drills", "steps", "reports", "tests", "features", "benchmarks"):
        for path in sorted((CHECKOUT / room).rglob("*")):
            if path.suffix in (".py", ".sql", ".feature", ".j2") and path.parent != CHECKOUT / "tests/documents":
                yield path


def test_a_document_that_is_mentioned_is_in_the_repository() -> None:
    """A reader of the code has the project's documents and public sources, and no others."""
    missing = [
        f"{path.relative_to(CHECKOUT)}: {name}"
        for path in sources()
        for name in MENTIONED.findall(path.read_text(encoding="utf-8"))
        if Path(name).name not in ELSEWHERE
        and not any((folder / name).is_file() for folder in (CHECKOUT, CHECKOUT / "docs", path.parent))
    ]

    assert missing == []
