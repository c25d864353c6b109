"""Rules that hold for the whole tree: what may import what, and which variables tox lets through."""

from __future__ import annotations

import ast
import configparser
import fnmatch
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import CHECKOUT

ROOMS = ("drills", "steps", "reports")
COMMAND_LINE = ("drills", "cli")
SLEEPERS = {Path("drills/clock.py")}
# botocore, libpq, rich, pytest, tempfile, Node and npm read these themselves.
READ_BY_LIBRARIES = {
    *("AWS_*", "PG*", "TERM", "NO_COLOR", "COLUMNS", "CI", "TMPDIR"),
    *("DOCKER_*", "LOCALSTACK_*"),
    *("NODE_EXTRA_CA_CERTS", "NPM_CONFIG_*", "npm_config_*"),
    "OTEL_*",
    "DRILL_NOTICES",  # whose name drill.toml gives: docs/notices.md
}


def sources(*folders: str) -> list[Path]:
    """The Python files of these folders, relative to the checkout."""
    return sorted(path.relative_to(CHECKOUT) for folder in folders for path in (CHECKOUT / folder).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file; each file is parsed once for all rules."""
    return ast.parse((CHECKOUT / path).read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> frozenset[str]:
    """The dotted names that a module imports, wherever in it the import stands."""
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def of_rooms(paths: Iterable[Path], *rooms: str) -> dict[str, set[str]]:
    """What each of the modules imports from these rooms; only the modules that import any of it."""
    found = {
        str(path): {name for name in imported(path) for room in rooms if name == room or name.startswith(f"{room}.")}
        for path in paths
    }
    return {path: names for path, names in found.items() if names}


def of_the_command_line(path: Path) -> bool:
    """Whether a module puts the parts together, and may know all of them."""
    return path.parts[:2] == COMMAND_LINE


def test_the_rules_read_files() -> None:
    """The rules below look at something, and see what a module imports."""
    assert len(sources("drills")) > 100
    assert all(sources(room) for room in (*ROOMS, "tests"))
    assert of_rooms([Path("drills/__main__.py"), Path("drills/cli/main.py")], "drills.cli").keys() >= {
        "drills/__main__.py"
    }


def test_the_engine_imports_neither_steps_nor_reports() -> None:
    """Only the command line, where the parts are put together, knows them."""
    engine = [path for path in sources("drills") if not of_the_command_line(path)]

    assert of_rooms(engine, "steps", "reports") == {}


def test_only_the_command_line_imports_the_sandbox() -> None:
    """The rest of the engine reaches the sandbox over HTTP, as it reaches AWS."""
    outside = [path for path in sources(*ROOMS) if path.parts[:2] != ("drills", "sandbox")]

    assert of_rooms((path for path in outside if not of_the_command_line(path)), "drills.sandbox") == {}


def test_the_engine_knows_nothing_of_pytest_gherkin_or_allure() -> None:
    """The engine can be used without a test runner."""
    assert of_rooms(sources("drills"), "pytest", "pytest_bdd", "allure", "_pytest") == {}


def sleeps(path: Path) -> bool:
    """Whether a file calls a `sleep` of the standard library; one without the word need not be parsed."""
    if "sleep" not in (CHECKOUT / path).read_text(encoding="utf-8"):
        return False
    calls = {
        node.func.value.id
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "sleep"
        and isinstance(node.func.value, ast.Name)
    }
    return bool(calls & {"time", "asyncio"})


def test_nobody_sleeps_outside_the_clock() -> None:
    """Waiting goes through drills/clock.py, so that a test can wind the time."""
    assert {path for path in sources(*ROOMS, "tests") if sleeps(path)} == SLEEPERS


def variables_read() -> Iterator[str]:
    """The names of environment variables that the code asks for."""
    for path in sources(*ROOMS):
        constants: dict[str, str] = {}
        # in the sandbox `environ` is a request's, by WSGI's custom
        names = ("environment",) if path.parts[:2] == ("drills", "sandbox") else ("environment", "environ")
        tree = parsed(path)
        for line in tree.body:
            if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant):
                constants |= {t.id: str(line.value.value) for t in line.targets if isinstance(t, ast.Name)}
        for node in ast.walk(tree):
            key: ast.expr | None = None
            if (
                isinstance(node, ast.Subscript)
                and isinstance(node.ctx, ast.Load)
                and _is_environment(node.value, names)
            ):
                key = node.slice
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.args
                and (
                    (node.func.attr in ("get", "pop") and _is_environment(node.func.value, names))
                    or node.func.attr == "getenv"
                )
            ):
                key = node.args[0]
            if isinstance(key, ast.Constant):
                yield str(key.value)
            elif isinstance(key, ast.Name) and key.id in constants:
                yield constants[key.id]


def _is_environment(node: ast.expr, names: tuple[str, ...]) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == "environ") or (
        isinstance(node, ast.Name) and node.id in names
    )


@cache
def wanted_variables() -> frozenset[str]:
    """The same, read once."""
    return frozenset(variables_read())


def passed_by_tox() -> set[str]:
    """The patterns that tox lets through to the drill, and beside them to the one at LocalStack, which repeats these."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(CHECKOUT / "tox.ini", encoding="utf-8")
    repeated = "{[testenv:drill]pass_env}"
    drill, localstack = (tox[f"testenv:{name}"]["pass_env"] for name in ("drill", "drill-localstack"))
    return {*drill.split(), *localstack.replace(repeated, "").split()}


def test_a_drill_keeps_its_compiled_modules() -> None:
    """`tox -e drill` takes back what keeps its ten processes from using the modules that another has compiled."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(CHECKOUT / "tox.ini", encoding="utf-8")
    lines = tox["testenv:drill"]["set_env"].split("\n")
    assert "PYTHONDONTWRITEBYTECODE =" in lines[lines.index("{[testenv]set_env}") :]


SET_BY_TOX = {"TOX_ENV_NAME", "PATH", "TMPDIR", "HOME"}


def filled_in(tree: ast.AST) -> Iterator[str]:
    """The texts that `format` or `%` fills in and that are neither a constant nor sql.SQL: a name may stand in them."""
    for node in ast.walk(tree):
        text: ast.expr | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            text = node.func.value
        elif (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.Mod)
            and isinstance(node.right, ast.Tuple | ast.Dict)
        ):
            text = node.left
        constant = isinstance(text, ast.Constant) or (isinstance(text, ast.Name) and text.id.isupper())
        if text is not None and not constant and not ast.unparse(text).startswith("sql.SQL("):
            yield ast.unparse(text)


def test_only_constants_are_filled_in() -> None:
    """A query with a name in it is no template: `{}` and `%s` are names that an index, a table or a column can have."""
    found = {str(path): texts for path in sources("drills/checks") if (texts := list(filled_in(parsed(path))))}
    assert not found, "build the text with an f-string or sql.SQL"


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        ("scan.format(share)", ["scan"]),
        ("f'from {table} {{}}'.format(share)", ["f'from {table} {{}}'"]),
        ("f'from {table} %s' % (share,)", ["f'from {table} %s'"]),
        ("'from {}'.format(table)", []),
        ("_FROM.format(table)", []),
        ("sql.SQL('from {}').format(table)", []),
        ("5 % share", []),
    ],
)
def test_the_rule_of_constants_tells_texts_apart(code: str, texts: list[str]) -> None:
    """It finds what is put together first and filled in afterwards, and nothing else."""
    assert list(filled_in(ast.parse(code))) == texts


def test_tox_lets_every_variable_through_that_the_code_reads() -> None:
    """A variable that works with `drills run` works through `tox -e drill` as well."""
    wanted = wanted_variables() - SET_BY_TOX

    assert "DRILL_PROFILE" in wanted
    assert not {name for name in wanted if not any(fnmatch.fnmatch(name, each) for each in passed_by_tox())}


def test_tox_lets_nothing_through_that_nobody_reads() -> None:
    """pass_env names no variable that neither the code nor a library reads."""
    wanted = wanted_variables()
    unread = {
        pattern
        for pattern in passed_by_tox() - READ_BY_LIBRARIES
        if not any(fnmatch.fnmatch(name, pattern) for name in wanted)
    }

    assert not unread
