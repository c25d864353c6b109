"""Read expressions as PostgreSQL stores them (pg_node_tree): what they refer to, and what planning alone would evaluate.

The format is that of outfuncs.c: `{KIND :field value …}`, lists in parentheses, and a backslash before what is special
(https://github.com/postgres/postgres/blob/master/src/backend/nodes/outfuncs.c). All functions here are pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_TOKENS = re.compile(r"[{}()]|(?:\\.|[^\s{}()\\])+", re.DOTALL)
_NUMBER = re.compile(r"\d+")
_FUNCTIONS = frozenset({"funcid", "opfuncid", "hashfuncid", "negfuncid", "aggfnoid", "winfnoid"})
_OPERATORS = frozenset({"opno", "opnos", "eqop", "sortop"})
_RELATIONS = frozenset({"relid"})
_TYPE = re.compile(r".*type(?:s|id)?")
_VALUES = frozenset({"VAR", "RELABELTYPE"})  # a domain's checks are not evaluated for these
_COMPUTED_ALREADY = frozenset({"VAR", "CONST", "RELABELTYPE", "PARAM"})


@dataclass(frozen=True, slots=True)
class References:
    """The OIDs that an expression refers to; `values` are the types of columns, which are read and not made."""

    functions: frozenset[int] = frozenset()
    operators: frozenset[int] = frozenset()
    types: frozenset[int] = frozenset()
    values: frozenset[int] = frozenset()
    relations: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Node:
    kind: str = ""
    words: dict[str, list[str]] = field(default_factory=dict)  # the plain values of each field
    nodes: dict[str, list[_Node]] = field(default_factory=dict)

    def walk(self) -> Iterator[_Node]:
        """Yield this node and all below it."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            for below in node.nodes.values():
                waiting += below

    @property
    def references(self) -> References:
        """Return what this node itself refers to."""
        found = {
            name: {int(word) for word in words if _NUMBER.fullmatch(word)} - {0} for name, words in self.words.items()
        }

        def of(wanted: Callable[[str], object]) -> frozenset[int]:
            return frozenset(oid for name, oids in found.items() if wanted(name) for oid in oids)

        types, none = of(_TYPE.fullmatch), frozenset[int]()
        made, read = (none, types) if self.kind in _VALUES else (types, none)
        return References(
            of(_FUNCTIONS.__contains__), of(_OPERATORS.__contains__), made, read, of(_RELATIONS.__contains__)
        )


def references(tree: str) -> References:
    """Return everything that an expression refers to."""
    found = [node.references for node in _parse(tree).walk()]
    return References(
        frozenset().union(*(each.functions for each in found)),
        frozenset().union(*(each.operators for each in found)),
        frozenset().union(*(each.types for each in found)),
        frozenset().union(*(each.values for each in found)),
        frozenset().union(*(each.relations for each in found)),
    )


def is_evaluated_by_planning(tree: str, unsafe: Callable[[References], bool], inlined: frozenset[int]) -> bool:
    """Return whether planning a query may call what `unsafe` says of a node's references.

    The planner computes a call of an immutable function whose arguments are constants, in every index expression,
    predicate and statistics object of each table that a query names (eval_const_expressions() in clauses.c). It leaves
    a call alone of which one argument is a column and none a null. A function in SQL (`inlined`) may be replaced by its
    text, in which there can be any constant. Whatever is not known to be left alone counts as evaluated.
    """
    for node in _parse(tree).walk():
        if node.kind in _COMPUTED_ALREADY:
            continue
        of_node = node.references
        if unsafe(of_node) and (of_node.functions & inlined or not _varies(node)):
            return True
    return False


def _varies(node: _Node) -> bool:
    """Return whether a node surely depends on a column after all that the planner can simplify."""
    if node.kind == "VAR":
        return True
    if node.kind in ("RELABELTYPE", "COERCEVIAIO"):
        return all(_varies(each) for each in node.nodes.get("arg", ())) and "arg" in node.nodes
    if node.kind not in ("FUNCEXPR", "OPEXPR"):
        return False
    arguments = node.nodes.get("args", [])
    fixed = [each for each in arguments if not _varies(each)]
    return len(fixed) < len(arguments) and all(
        each.kind == "CONST" and each.words.get("constisnull") == ["false"] for each in fixed
    )


def _parse(tree: str) -> _Node:
    """Return the tree below a node of no kind."""
    root = _Node()
    open_nodes, names = [root], [""]
    fresh = False
    for word in _TOKENS.findall(tree):
        if word == "{":
            node = _Node()
            open_nodes[-1].nodes.setdefault(names[-1], []).append(node)
            open_nodes.append(node)
            names.append("")
            fresh = True
        elif word == "}":
            open_nodes.pop()
            names.pop()
        elif word in "()":
            continue
        elif fresh:
            open_nodes[-1].kind, fresh = word, False
        elif word.startswith(":"):
            names[-1] = word[1:]
            open_nodes[-1].words.setdefault(names[-1], [])
        else:
            open_nodes[-1].words.setdefault(names[-1], []).append(word)
    return root
