"""The documents: what they name is there."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.site import layout, reference
from drills import errors
from drills.cli import main as cli
from drills.config.file import ConfigFile
from tests.documents import pages
from tests.support.paths import CHECKOUT

DOCUMENTS = sorted({*CHECKOUT.glob("*.md"), *pages.documents()})
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def headings(document: Path) -> set[str]:
    """The anchors of a document's headings, made as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {layout.anchor(heading, "-") for heading in found}


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


def test_each_page_is_in_the_navigation_once() -> None:
    """docs/README.md lists every page of docs/, each under one heading; the site's navigation is that list."""
    listed = [
        path for section in layout.navigation() for each in section.values() if isinstance(each, list) for path in each
    ]
    paths = [path for each in listed for path in each.values()]
    pages_of_docs = {each.relative_to(CHECKOUT / "docs").as_posix() for each in CHECKOUT.glob("docs/**/*.md")} - {
        "README.md"
    }

    assert pages_of_docs - set(paths) == set(), "add a line for each of these to a heading of docs/README.md"
    assert sorted(paths) == sorted(set(paths))


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_reference_is_what_the_code_says(name: str) -> None:
    """A new command, option or key of drill.toml is on its page."""
    written = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert written == reference.PAGES[name](), "`python -m docs.site.reference` writes it anew"


def tox_environments() -> set[str]:
    """The environments that tox.ini describes."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(CHECKOUT / "tox.ini", encoding="utf-8")
    return {name.removeprefix("testenv:") for name in tox.sections() if name.startswith("testenv:")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_tox_environments_that_are_named_exist(document: Path) -> None:
    """`tox -e NAME` in a document is an environment of tox.ini."""
    named = re.findall(r"tox (?:-q )?-e ([\w-]+)", document.read_text(encoding="utf-8"))
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
    """Console blocks call the installed command; tox installs it, for newcomers, and runs the project's own environments."""
    for command in pages.commands(page):
        assert "-m drills" not in command.text
        assert not re.search(r"(?<![\w/])drills (\w+)", re.sub(r"(?s)<<.*| #.*", "", command.text)), command.text
        assert page.name in ("README.md", "start.md") or "tox -e drill" not in command.text


def own_names(page: str) -> set[str]:
    """The targets and profiles of drill.toml (those that are built in too), and of the page's own blocks of it."""
    file = ConfigFile.read(CHECKOUT / "drill.toml")
    blocks = "\n".join(re.findall(r"(?ms)^```(?:toml|console)\n(.*?)^```", page))
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


def test_each_command_is_shown() -> None:
    """The tests above look at something: docs/commands.md shows each command, and the README the two that lead in."""
    names = ("README.md", "docs/commands.md")
    readme, shown = (
        [each for command in pages.commands(CHECKOUT / name) for each in pages.called(command)] for name in names
    )

    assert {arguments[0] for arguments in shown} == set(cli.COMMANDS)
    assert readme == [["run"], ["run", "--seed", "my.dump"]]


def test_the_readme_fits_a_screen() -> None:
    """What it is, the two commands, one picture, and where to go from here; the rest stands in docs/."""
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")

    assert len(text.splitlines()) <= 45
    assert text.count("![") == 1


def test_each_environment_of_tox_describes_itself() -> None:
    """`tox list` shows a description of each; tox reads a first word before a colon as a factor, so that none has one."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(CHECKOUT / "tox.ini", encoding="utf-8")

    described = [tox[name].get("description", "") for name in tox.sections() if name.startswith("testenv:")]
    assert all(described)
    assert not [text for text in described if re.match(r"\S+:", text)]
    assert "description" not in tox["testenv"]


def test_each_exit_code_has_a_meaning() -> None:
    """The table of docs/reference/exit-codes.md holds every code of drills/errors.py, and no other."""
    page = (CHECKOUT / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    named = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert (
        named
        == set(errors.MEANINGS)
        == {0} | {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int)}
    )


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


def test_each_never_of_the_safety_page_names_tests_that_are_there() -> None:
    """A promise to an account's owner stands beside what fails where it is untrue; each test that is named exists and is used."""
    page = (CHECKOUT / "docs/safety.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+)\. .* \| ([a-z](?:, [a-z])*) \|$", page, re.MULTILINE)
    named: dict[str, list[tuple[str, str]]] = {}
    for letter, tests in re.findall(r"^- `([a-z]) (tests/.*)$", page, re.MULTILINE):
        path = ""
        for file, name in re.findall(r"([\w/]+\.py)?::(test_\w+)", tests):
            path = file or path
            named.setdefault(letter, []).append((path, name))

    assert [int(number) for number, _ in rows] == [*range(1, len(rows) + 1)]
    assert len(rows) == len(re.findall(r"^\| \d+\. ", page, re.MULTILINE)) > 8
    assert {letter for _, letters in rows for letter in letters.split(", ")} == set(named)
    missing = [
        f"{path}::{name}"
        for tests in named.values()
        for path, name in tests
        if f"def {name}(" not in (CHECKOUT / path).read_text(encoding="utf-8")
    ]
    assert missing == []
