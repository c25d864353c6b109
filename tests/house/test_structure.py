"""The house: which room may import which, and how large a room, a module and a function may be. ARCHITECTURE.md shows it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.imports import ROOMS, ROW, arrows, circle, imports, modules, room_of
from tests.support.paths import CHECKOUT

# Top to bottom; a room imports what stands below it, and never its neighbours on the same floor.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("steps", "reports"),
    ("replay", "fleet"),
    ("evidence", "metrics", "notices"),
    ("run",),
    ("cutover", "preflight", "sweep"),
    ("posture",),
    ("incident",),
    ("recovery",),
    ("aws",),
    ("checks",),
    ("checks/canary", "checks/owner", "checks/server", "checks/integrity"),
    ("checks/catalog", "checks/content"),
    ("checks/base",),
    ("config", "history"),
    ("schedule", "objectives", "turns", "tables", "trees", "buckets"),
    ("record", "sandbox_client"),
    ("model",),
    ("ground",),
    ("drills",),
)
SANDBOX_FLOORS = (
    ("sandbox", "sandbox/standalone"),
    ("sandbox/backup",),
    ("sandbox/rds", "sandbox/dynamodb", "sandbox/ec2", "sandbox/efs", "sandbox/s3", "sandbox/service", "sandbox/door"),
    ("sandbox/state",),
    ("sandbox/seeds",),
    ("sandbox/postgres",),
    ("sandbox/base",),
)
SANDBOX_IMPORTS = {"ground", "model", "schedule", "sandbox"}
LINES_AT_MOST = 400
MODULES_AT_MOST = 22
PARAMETERS_AT_MOST = 8
FUNCTION_LINES_AT_MOST = 52


def is_sandbox(room: str) -> bool:
    """Whether a room belongs to the local AWS, which has rules of its own."""
    return room.partition("/")[0] == "sandbox"


def test_each_room_has_a_floor() -> None:
    """A new room is given its place; one that is gone loses it."""
    placed = [room for floor in (*FLOORS, *SANDBOX_FLOORS) for room in floor]

    assert sorted(placed) == sorted(arrows())


def test_a_room_imports_only_what_stands_below_it() -> None:
    """An arrow upwards, or between neighbours, ties two rooms together for good."""
    wrong = []
    for house in (FLOORS, SANDBOX_FLOORS):
        floor = {room: number for number, rooms in enumerate(house) for room in rooms}
        among = [
            (room, other) for room, others in arrows().items() for other in others if {room, other} <= floor.keys()
        ]
        wrong += [f"{room} -> {other}" for room, other in among if floor[other] <= floor[room]]

    assert wrong == []


def test_the_sandbox_stands_apart() -> None:
    """The local AWS imports the ground, the model and the schedules; only the command line imports it."""
    rooms = {room: {other.partition("/")[0] for other in others} for room, others in arrows().items()}

    assert {
        room: others - SANDBOX_IMPORTS
        for room, others in rooms.items()
        if is_sandbox(room) and others - SANDBOX_IMPORTS
    } == {}
    assert [room for room, others in rooms.items() if "sandbox" in others and not is_sandbox(room)] == ["cli"]


def test_no_circle_between_files() -> None:
    """Two modules that import each other are one that nobody can read alone; a package's own `__init__` is left out."""
    graph = {
        module: {other for other in imports(module) if modules()[other].name != "__init__.py"}
        for module, path in modules().items()
        if path.name != "__init__.py"
    }

    assert circle(graph) == []


def test_modules_and_rooms_are_of_a_size_that_one_can_know() -> None:
    """A module past 400 lines asks to be two, and a folder past some twenty modules to be two rooms."""
    long = {
        str(path.relative_to(CHECKOUT)): lines for path in modules().values() if (lines := _lines(path)) > LINES_AT_MOST
    }
    folders = {path.parent for path in modules().values()}
    full = {
        str(folder.relative_to(CHECKOUT)): n
        for folder in folders
        if (n := len(list(folder.glob("*.py")))) > MODULES_AT_MOST
    }

    assert (long, full) == ({}, {})


def _lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def _functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in modules().values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{path.relative_to(CHECKOUT)}:{node.name}", node


def test_functions_fit_a_screen_and_take_few_parameters() -> None:
    """More than eight parameters want a value that holds them."""
    functions = list(_functions())
    long = [name for name, node in functions if (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_AT_MOST]
    wide = [
        name
        for name, node in functions
        if len([*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]) > PARAMETERS_AT_MOST
    ]

    assert (long, wide) == ([], [])


def test_the_architecture_shows_who_imports_whom() -> None:
    """Each room stands in the table of ARCHITECTURE.md with the rooms that it really imports (`python -m tests.house.imports`)."""
    text = (CHECKOUT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    shown = {
        room: set(re.findall(r"`([\w/]+)`", imported)) for room, _, imported in re.findall(ROW, text, re.MULTILINE)
    }
    real = {room: others - {"drills"} for room, others in arrows().items() if room not in ("drills", "__main__")}

    assert shown == real


def test_the_architecture_names_modules_that_exist() -> None:
    """A path in ARCHITECTURE.md is a file or a folder of the checkout, or where a run leaves its output."""
    text = (CHECKOUT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(rf"`((?:{'|'.join((*ROOMS, 'tests', 'features'))})/[\w/.]*)`", text))

    assert named
    named.discard("reports/out/")  # made by the first run
    assert sorted(path for path in named if not (CHECKOUT / path).exists()) == []


def test_a_module_is_in_the_room_of_its_folder() -> None:
    """The themes of the checks and the parts of the sandbox are rooms; other folders are one room each."""
    assert room_of("drills.checks.catalog.check") == "checks/catalog"
    assert room_of("drills.checks.suite") == "checks"
    assert room_of("drills.errors") == "ground"
    assert room_of("reports.html") == "reports"
