"""The hooks of moto that the sandbox uses, tested without a server: a failure names the hook that a new moto lacks.

The tests find imports, overrides and the attributes that are read (`self.databases`, `backend.databases`) in the sandbox's
own source, so that they hold a new hook from its first day. The tables below have what no source shows: what moto must
call, and how.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from drills import sandbox

ROOT = Path(sandbox.__file__).parent

# (where, name, parameters that it must take): what moto or werkzeug must have beside what the sandbox's source shows
HOOKS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("moto.core.base_backend:BackendDict", "__getitem__", ()),
    ("moto.core.base_backend:BackendDict", "clear", ()),
    ("moto.core.base_backend:BaseBackend", "_url_module", ()),
    ("moto.core.base_backend:BaseBackend", "url_paths", ()),
    ("moto.core.responses:BaseResponse", "dispatch", ()),
    ("moto.core.responses:BaseResponse", "call_action", ()),
    ("moto.core.responses:BaseResponse", "_get_action", ()),
    ("moto.core.responses:ActionResult", "execute_result", ("context",)),
    ("moto.core.routing", "get_service_router", ("service_name",)),
    ("moto.core.utils", "get_service_model", ("service_name",)),
    ("moto.moto_server.werkzeug_app", "create_backend_app", ("service",)),
    ("moto.moto_server.werkzeug_app", "DISABLE_GLOBAL_CORS", ()),
    ("moto.moto_server.werkzeug_app:DomainDispatcherApplication", "__init__", ("create_app",)),
    ("moto.moto_server.werkzeug_app:DomainDispatcherApplication", "get_backend_for_host", ("host",)),
    ("moto.moto_server.werkzeug_app:DomainDispatcherApplication", "infer_service_region_host", ("environ", "path")),
    ("moto.moto_server.werkzeug_app:MotoRequestHandler", "make_environ", ()),
    ("moto.moto_server.werkzeug_app:MotoRequestHandler", "log", ("type", "message")),
    ("moto.moto_server.werkzeug_app:MotoRequestHandler", "date_time_string", ("timestamp",)),
    ("moto.moto_server.werkzeug_app:MotoRequestHandler", "timeout", ()),
    ("werkzeug.serving", "make_server", ("host", "port", "app", "threaded", "request_handler", "fd")),
    ("moto.rds.urls", "url_bases", ()),
    ("moto.backup.urls", "url_bases", ()),
    ("moto.ec2.urls", "url_paths", ()),
    ("moto.rds.models:RDSBackend", "_validate_db_identifier", ("db_identifier",)),
    ("moto.rds.models:RDSBackend", "_filter_resources", ("resources", "filters", "resource_class")),
    ("moto.rds.models:DBInstance", "db_parameter_groups", ()),
    ("moto.rds.models:DBInstance", "is_default_parameter_group", ("param_group_name",)),
    ("moto.rds.models:DBParameterGroup", "update_parameters", ("new_parameters",)),
    ("moto.rds.models:DBSnapshot", "SUPPORTED_FILTERS", ()),
    ("moto.ec2.models:EC2Backend", "get_security_group_from_id", ("group_id",)),
    ("moto.ec2.models:EC2Backend", "get_default_security_group", ("vpc_id",)),
    ("moto.kms.models:KmsBackend", "describe_key", ("key_id",)),
)

# what moto or its responses must call under exactly this name: an override of anything else is never reached
CALLED: dict[str, tuple[str, ...]] = {
    "drills.sandbox.rds.backend:SandboxRDS": (
        "copy_db_snapshot", "create_db_instance", "create_db_snapshot", "delete_db_instance", "delete_db_parameter_group",
        "delete_db_snapshot", "delete_subnet_group", "describe_db_snapshots", "describe_events", "modify_db_instance",
        "modify_db_parameter_group", "modify_db_snapshot_attribute", "reboot_db_instance",
        "restore_db_instance_from_db_snapshot", "restore_db_instance_to_point_in_time", "start_db_instance",
        "stop_db_instance", "_url_module",
    ),
    "drills.sandbox.rds.answers.responses:SandboxRDSResponse": (
        "call_action", "describe_db_instance_automated_backups", "describe_db_parameters", "describe_db_snapshots",
        "describe_orderable_db_instance_options", "serialized",
    ),
    "drills.sandbox.backup.backend:SandboxBackup": ("iter_tagged_resources", "_url_module"),
    "drills.sandbox.backup.answers.responses:SandboxBackupResponse": ("describe_backup_vault", "list_backup_vaults"),
    "drills.sandbox.kms:SandboxKMS": (
        "cancel_key_deletion", "disable_key", "enable_key", "schedule_key_deletion", "_url_module",
    ),
    "drills.sandbox.ec2.backend:SandboxEC2": ("delete_security_group", "_url_module"),
    "drills.sandbox.rds.instances:SandboxInstance": ("address", "endpoint", "latest_restorable_time"),
    "drills.sandbox.rds.instances:SandboxSnapshot": ("status",),
}  # fmt: skip


def load(place: str) -> Any:
    """Return what `module` or `module:Name` names."""
    module, _, name = place.partition(":")
    loaded = importlib.import_module(module)
    return getattr(loaded, name) if name else loaded


@cache
def modules() -> tuple[ModuleType, ...]:
    """Return every module of the sandbox."""
    found = pkgutil.walk_packages([str(ROOT)], "drills.sandbox.")
    return tuple(importlib.import_module(each.name) for each in found if not each.name.endswith("__main__"))


def classes() -> Iterator[type]:
    """Yield every class of the sandbox that extends one of moto's."""
    for module in modules():
        for each in vars(module).values():
            if inspect.isclass(each) and each.__module__ == module.__name__ and theirs(each):
                yield each


def theirs(each: type) -> list[type]:
    """Return the classes of moto that a class extends."""
    return [base for base in each.__mro__ if base.__module__.startswith("moto.")]


def override_broken(ours: Any, base: Any, name: str) -> str:
    """Return why moto cannot call our method as it calls its own; empty when it can."""
    mine, its = inspect.getattr_static(ours, name), inspect.getattr_static(base, name)
    if isinstance(mine, property) != isinstance(its, property) and not callable(its):
        return ""  # a plain attribute, which a property may stand for
    if not (inspect.isfunction(mine) and inspect.isfunction(its)) or name == "__init__":
        return "" if isinstance(mine, property) or not inspect.isfunction(its) or name == "__init__" else "is no method"
    given, wanted = inspect.signature(its).parameters, inspect.signature(mine).parameters
    some = any(each.kind is each.VAR_KEYWORD for each in wanted.values())
    usual = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    lost = [each for each, what in given.items() if each not in wanted and what.kind not in usual and not some]
    new = [
        each
        for each, what in wanted.items()
        if each not in given and what.default is what.empty and what.kind not in usual
    ]
    return f"moto gives it {lost}, it wants {new}" if lost or new else ""


@pytest.mark.parametrize(
    ("place", "name", "parameters"), HOOKS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_moto_must_have_is_there(place: str, name: str, parameters: tuple[str, ...]) -> None:
    """A class, method or module global that the sandbox uses, with the parameters that it passes."""
    where = load(place)
    assert hasattr(where, name), f"{place} has no {name} any more"
    if parameters:
        there = inspect.signature(getattr(where, name)).parameters
        any_name = any(each.kind is each.VAR_KEYWORD for each in there.values())
        missing = [each for each in parameters if each not in there and not any_name]
        assert not missing, f"{place}.{name} takes no {missing} any more: {list(there)}"


def test_every_name_that_is_imported_from_moto_is_there() -> None:
    """Found in the sandbox's source, also inside of functions."""
    broken = []
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in (
                "moto",
                "werkzeug",
                "botocore",
            ):
                module = importlib.import_module(str(node.module))
                broken += [
                    f"{path.name}: {node.module} has no {each.name}"
                    for each in node.names
                    if not hasattr(module, each.name) and not _is_module(f"{node.module}.{each.name}")
                ]
    assert broken == []


def _is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


@pytest.mark.parametrize("place", CALLED)
def test_what_moto_calls_is_overridden_under_its_name(place: str) -> None:
    """An override of what moto no longer has would never be called, and moto's own would answer without data."""
    ours = load(place)
    own = {name for each in ours.__mro__ if each.__module__.startswith("drills.") for name in vars(each)}
    for name in CALLED[place]:
        there = any(name in vars(base) or name in _assigned(base) for base in theirs(ours))
        assert there, f"moto has no {theirs(ours)[0].__name__}.{name} any more, which {place} overrides"
        assert name in own, f"{place} does not override {name}"


def test_every_override_takes_what_moto_gives_it() -> None:
    """Parameters have the names that moto passes them by, and none is wanted that moto does not have."""
    checked, broken = 0, []
    for ours in classes():
        for name in vars(ours):
            for base in theirs(ours):
                if name in vars(base) and not (name.startswith("__") and name != "__init__"):
                    checked += 1
                    if why := override_broken(ours, base, name):
                        broken.append(f"{ours.__module__}.{ours.__name__}.{name}: {why}")
                    break
    assert broken == []
    assert checked > 20


def test_every_attribute_of_moto_that_is_read_is_there() -> None:
    """`self.databases` and the like: read by the sandbox's classes, set by moto's."""
    read, broken = 0, []
    for ours in classes():
        mine = {name for each in ours.__mro__ if each.__module__.startswith("drills.") for name in _has(each)}
        for name in sorted(_read(ours) - mine):
            read += 1
            if not hasattr(ours, name) and not any(name in _assigned(base) for base in theirs(ours)):
                broken.append(f"{ours.__name__} reads self.{name}, which {theirs(ours)[0].__name__} has no more")
    assert broken == []
    assert read > 10


def test_every_attribute_of_moto_that_a_collaborator_reads_is_there() -> None:
    """`backend.databases` and `self._backend.databases`, where the annotation of a parameter is a class of moto's."""
    reads = [each for module in modules() for each in moto_reads(inspect.getsource(module), module)]
    broken = [f"{name}, which {its.__name__} has no more" for name, its, there in reads if not there]
    assert broken == []
    assert len(reads) > 100


def moto_reads(source: str, module: ModuleType) -> Iterator[tuple[str, type, bool]]:
    """Yield each attribute that is read of an object of moto's, its class, and whether the class has the attribute."""
    for holder in ast.walk(ast.parse(source)):
        for name, its in _moto_parameters(holder, module).items():
            for attribute in sorted(_reads_of(holder, name)):
                there = hasattr(its, attribute) or any(attribute in _has(base) for base in its.__mro__)
                yield f"{module.__name__} reads {name}.{attribute}", its, there


def _moto_parameters(holder: ast.AST, module: ModuleType) -> dict[str, type]:
    """Return what a function or a constructor gets of moto: `name` or `self._name`, and the class."""
    if isinstance(holder, ast.FunctionDef):
        annotated = {each.arg: each.annotation for each in (*holder.args.args, *holder.args.kwonlyargs)}
        resolved = {name: _resolved(annotation, module) for name, annotation in annotated.items()}
        return {name: its for name, its in resolved.items() if its is not None and theirs(its)}
    if not isinstance(holder, ast.ClassDef):
        return {}
    built = [each for each in holder.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
    given = _moto_parameters(built[0], module) if built else {}
    return {
        ast.unparse(node.targets[0]): given[node.value.id]
        for node in ast.walk(holder)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in given
    }


def _resolved(annotation: ast.expr | None, module: ModuleType) -> type | None:
    if annotation is None:
        return None
    its = vars(module).get(ast.unparse(annotation))
    return its if inspect.isclass(its) else None


def _reads_of(holder: ast.AST, name: str) -> set[str]:
    return {
        node.attr
        for node in ast.walk(holder)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and ast.unparse(node.value) == name
    }


def _tree(each: type) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(each)))


def _selfs(each: type, context: type) -> set[str]:
    return {
        node.attr
        for node in ast.walk(_tree(each))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
        and isinstance(node.ctx, context)
    }


@cache
def _assigned(each: type) -> frozenset[str]:
    return frozenset(_selfs(each, ast.Store)) if each.__module__ != "builtins" else frozenset()


def _read(each: type) -> set[str]:
    return _selfs(each, ast.Load)


def _has(each: type) -> set[str]:
    return set(vars(each)) | set(inspect.get_annotations(each)) | _assigned(each)


def test_every_operation_that_is_answered_has_a_handler() -> None:
    """`ANSWERED` names operations of botocore's model, each with a method in moto or here."""
    from moto.core.utils import camelcase_to_underscores, get_service_model

    from drills.sandbox.rds.answers.responses import ANSWERED, SandboxRDSResponse

    known = set(get_service_model("rds").operation_names)
    assert set(ANSWERED) <= known
    lacking = [name for name in sorted(ANSWERED) if not hasattr(SandboxRDSResponse, camelcase_to_underscores(name))]
    assert lacking == []


def test_every_answer_of_aws_backup_is_of_one_operation() -> None:
    """A method that is named as no operation is never called, and of two with one name only the last one is."""
    from moto.core.utils import camelcase_to_underscores, get_service_model

    from drills.sandbox.backup.answers.responses import ANSWERS, SandboxBackupResponse, operations

    known = {camelcase_to_underscores(name) for name in get_service_model("backup").operation_names}
    answered = [name for answers in ANSWERS for name in operations(answers)]

    assert sorted(set(answered)) == sorted(answered)
    assert set(answered) <= known
    assert set(answered) <= set(vars(SandboxBackupResponse))
    assert len(answered) > 40


def test_a_backend_is_replaced_before_its_first_use() -> None:
    """`BackendDict.backend` is the class that the next account and region get."""
    from moto.core.base_backend import BackendDict
    from moto.rds.models import RDSBackend, rds_backends

    class Other(RDSBackend):
        """Another one."""

    assert rds_backends.backend is not None
    backends: Any = BackendDict(RDSBackend, "rds")
    backends.backend = Other
    backends.clear()
    try:
        assert isinstance(backends["123456789012"]["eu-central-1"], Other)
    finally:
        type(backends)._instances.remove(backends)


def test_the_connection_is_in_the_environment_of_a_request() -> None:
    """`werkzeug.socket`: how the sandbox sees that a client which gets no answer has gone."""
    from werkzeug.serving import WSGIRequestHandler

    assert '"werkzeug.socket": self.connection' in inspect.getsource(WSGIRequestHandler.make_environ)


class _Theirs:
    def renamed(self, name: str, tags: list[str] | None = None) -> None:
        """As moto has it."""


class _Ours(_Theirs):
    def renamed(self, identifier: str, tags: list[str] | None = None) -> None:
        """With another name for a parameter."""


def test_a_parameter_that_moto_renames_is_named() -> None:
    """The check itself can fail."""
    assert override_broken(_Ours, _Theirs, "renamed") == "moto gives it ['name'], it wants ['identifier']"


def test_an_attribute_that_moto_no_longer_has_is_named() -> None:
    """The check of what collaborators read can fail, in a function and in a class."""
    from drills.sandbox.rds import quotas

    source = """
def count(backend: RDSBackend): return len(backend.gone) + len(backend.databases)

class Counter:
    def __init__(self, backend: RDSBackend): self._backend = backend
    def count(self): return len(self._backend.gone)
"""
    broken = [name for name, _, there in moto_reads(source, quotas) if not there]
    assert broken == [
        "drills.sandbox.rds.quotas reads backend.gone",
        "drills.sandbox.rds.quotas reads self._backend.gone",
    ]
