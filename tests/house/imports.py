"""Who imports whom: the imports of the code as it is, between modules and between rooms.

`python -m tests.house.imports` writes the last column of the table of rooms in ARCHITECTURE.md anew.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.support.paths import CHECKOUT

ROOMS = ("drills", "steps", "reports")
# Modules of `drills` that are no folder: the ground that all stand on, and two that are rooms by themselves.
GROUND = (
    "errors", "clock", "durations", "files", "notebook", "policy_statements", "printable", "redaction", "screen", "sql",
    "streams", "work_folder", "private_process", "libpq", "interruption", "json_text", "plural",
)  # fmt: skip
GROUND_ROOM = "ground"
ROW = r"^\| `([\w/]+)` \|([^|]*)\| ([^|]*) \|$"
# Folders whose folders are rooms, each with the modules in it that are rooms by themselves.
OF_SEVERAL: Mapping[str, tuple[str, ...]] = {"checks": (), "sandbox": ("state",)}


@cache
def modules() -> Mapping[str, Path]:
    """Every module of the project by its dotted name."""
    found = {}
    for room in ROOMS:
        for path in sorted((CHECKOUT / room).rglob("*.py")):
            parts = path.relative_to(CHECKOUT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """The modules of the project that one imports, within functions too; those for type checkers alone included."""
    found = set()
    for node in ast.walk(ast.parse(modules()[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    known = {_known(name) for name in found} - {"", module}
    # "from package import module" names the package too: what is meant is the module
    return frozenset(
        each for each in known if not any(other.startswith(f"{each}.") for other in known) or _is_module(each)
    )


def _known(name: str) -> str:
    while name and name not in modules():
        name = name.rpartition(".")[0]
    return name


def _is_module(name: str) -> bool:
    return modules()[name].name != "__init__.py"


def room_of(module: str) -> str:
    """The room of a module: its folder, a theme of the checks, the ground, or `record` and `sandbox_client` alone."""
    top, _, rest = module.partition(".")
    if top != "drills" or not rest:
        return top
    first, _, more = rest.partition(".")
    if first in GROUND:
        return GROUND_ROOM
    if first in OF_SEVERAL and more and ("." in more or not _is_module(module) or more in OF_SEVERAL[first]):
        return f"{first}/{more.partition('.')[0]}"
    return first


def arrows() -> dict[str, set[str]]:
    """Which rooms each room imports."""
    found: dict[str, set[str]] = {}
    for module in modules():
        room = room_of(module)
        found.setdefault(room, set()).update({room_of(each) for each in imports(module)} - {room})
    return found


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """A circle of the graph, [] where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def write_table(path: Path) -> None:
    """Write the imports of each room into its row, top to bottom as the rows stand."""
    text = path.read_text(encoding="utf-8")
    order = re.findall(ROW, text, re.MULTILINE)
    rank = {room: number for number, (room, _, _) in enumerate(order)}
    found = arrows()
    rows = {}
    for room, held, _ in order:
        imported = sorted(found.get(room, set()) & rank.keys(), key=rank.__getitem__)
        rows[room] = f"| `{room}` |{held}| {', '.join(f'`{each}`' for each in imported) or '–'} |"
    text = re.sub(ROW, lambda row: rows[row[1]], text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_table(CHECKOUT / "ARCHITECTURE.md")
