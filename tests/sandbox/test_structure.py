"""How the sandbox is put together: by composition, without import circles and without state in class attributes."""

from __future__ import annotations

import ast
import builtins
import importlib
from functools import cache
from pathlib import Path
from typing import get_origin

ROOT = Path(__file__).parent.parent
SANDBOX = "drills.sandbox"


def file_of(module: str) -> Path:
    """The source of a module or of a package's `__init__`."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def modules_of(package: str) -> list[str]:
    """Return the dotted names of a package and of all modules below it."""
    files = sorted(file_of(package).parent.rglob("*.py"))
    return [".".join(each.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for each in files]


@cache
def source_of(module: str) -> ast.Module:
    """The parsed source of a module."""
    return ast.parse(file_of(module).read_text(encoding="utf-8"))


@cache
def imports_of(module: str) -> frozenset[str]:
    """The sandbox's modules that a module imports: at its top, in a function, or for type checking alone."""
    names: set[str] = set()
    for node in ast.walk(source_of(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    known = names & set(modules_of(SANDBOX))
    # `from package import module` needs the module, and of the package nothing but its docstring
    return frozenset(name for name in known if not any(other.startswith(f"{name}.") for other in known))


def path_back_to(module: str) -> list[str]:
    """A chain of imports from a module back to itself, empty where there is none."""
    came_from: dict[str, str] = {}
    queue = [module]
    while queue:
        here = queue.pop(0)
        for each in sorted(imports_of(here)):
            if each == module:
                chain = [module, here]
                while here != module:
                    here = came_from[here]
                    chain.append(here)
                return chain[::-1]
            if each not in came_from:
                came_from[each] = here
                queue.append(each)
    return []


def test_no_module_of_the_sandbox_imports_itself_through_others() -> None:
    """There is no import circle, not even through an import inside of a function or for type checking."""
    assert [circle for module in modules_of(SANDBOX) if (circle := path_back_to(module))] == []


def test_no_class_of_the_sandbox_inherits_from_another_of_its_own() -> None:
    """What a class needs is passed to its constructor; only classes of moto and of libraries are implemented."""
    bases = {
        f"{module}: {node.name}({ast.unparse(base)})": resolve(module, base)
        for module in modules_of(SANDBOX)
        for node in ast.walk(source_of(module))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    }

    assert not {name for name, base in bases.items() if base.__module__.startswith(f"{SANDBOX}.")}


def resolve(module: str, base: ast.expr) -> type:
    """The class that a module means by the name of a base class."""
    namespace = {**vars(builtins), **vars(importlib.import_module(module))}
    found: type = eval(ast.unparse(base), namespace)
    return get_origin(found) or found


def test_no_class_of_the_sandbox_holds_state() -> None:
    """Nothing assigns an attribute of a class, and no class body has a dict, list or set that its instances share."""
    assert {module: state for module in modules_of(SANDBOX) if (state := class_state(module))} == {}


def class_state(module: str) -> set[str]:
    """What a module assigns to attributes of classes, and what its class bodies share between instances."""
    namespace = vars(importlib.import_module(module))
    tree = source_of(module)
    assigned = {
        ast.unparse(target)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Name)
        and isinstance(namespace.get(target.value.id), type)
    }
    shared = {
        f"{node.name}: {ast.unparse(line)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for line in node.body
        if isinstance(line, ast.Assign | ast.AnnAssign)
        and isinstance(line.value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp)
    }
    return assigned | shared
